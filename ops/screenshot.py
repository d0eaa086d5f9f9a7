"""`cdc screenshot`: a picture of Prometheus' own graphs of a stack under load, made by a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode, urljoin

import httpx

from ops.demo import run_demo
from ops.errors import OpsError
from ops.outputs import StackOutputs
from ops.processes import Runner, is_root
from ops.project import PROJECT_DIR
from ops.watching import QUERIES
from testbed import host

PICTURE: Final = PROJECT_DIR / "docs" / "images" / "prometheus-under-load.png"
DEFAULT_RATE_PER_SECOND: Final = 200.0
DEFAULT_DURATION_SECONDS: Final = 300.0
BROWSER: Final = "chromium"

PANELS: Final = (
    'cdc_sink_connector_lag_all_records or label_replace(vector(10000), "alert", "CdcSinkLagGrowing", "", "")',
    "sum by (connector) (rate(kafka_connect_source_task_source_record_write_total[1m]))"
    " or sum by (connector) (rate(kafka_connect_sink_task_sink_record_send_total[1m]))",
    f'label_replace({QUERIES["latency_p50_seconds"]}, "quantile", "0.5", "", "")'
    f' or label_replace({QUERIES["latency_p99_seconds"]}, "quantile", "0.99", "", "")',
)
"""What is shown: lag, with the threshold of its alert, since a graph of zeros alone stays blank; rows per second in and
out; latency from end to end."""
_RANGE: Final = "10m"
_WINDOW: Final = "1200,2350"
_DRAWN_WITHIN_MS: Final = 20_000
"""Of the page's own time, which passes only while nothing is being loaded."""
_ANSWER_SECONDS: Final = 10.0
_BROWSER_SECONDS: Final = 180.0


def take_screenshot(
    outputs: StackOutputs,
    runner: Runner,
    picture: Path,
    load: tuple[float, float],
    say: Callable[[str], None],
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Write demo rows, then take the picture. `load` is their rate per second and their duration, s.

    Raises:
        OpsError: The stack has no Prometheus that can be reached from here, or this machine no browser.
    """
    prometheus = outputs.endpoints.get("prometheus")
    if not prometheus:
        raise OpsError("The stack has no Prometheus on this host.", "Set monitoring: true and run `make up`.")
    try:
        host.require(BROWSER, say)
    except host.HostError as error:
        raise OpsError(str(error)) from None
    run_demo(outputs, *load, say)
    picture.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as profile:
        argv = browser_command(graphs_url(prometheus, transport), picture, profile)
        runner.run(argv, timeout_seconds=_BROWSER_SECONDS).require("Taking the picture")


def graphs_url(prometheus: str, transport: httpx.BaseTransport | None = None) -> str:
    """Return the page with one graph for each panel.

    Debian's Prometheus has another page than the public image; the root leads to it, and both read the same query.
    """
    with httpx.Client(timeout=_ANSWER_SECONDS, transport=transport) as client:
        page = client.get(f"{prometheus}/").headers["location"]
    options = [
        (f"g{number}.{name}", value)
        for number, expression in enumerate(PANELS)
        for name, value in (("expr", expression), ("tab", "0"), ("range_input", _RANGE))
    ]
    return f"{urljoin(prometheus, page)}?{urlencode(options)}"


def browser_command(url: str, picture: Path, profile: str) -> list[str]:
    """Return the command that draws a page and writes it to a PNG file."""
    return [
        BROWSER,
        "--headless",
        # A sandbox of its own needs a user who is not root.
        *(["--no-sandbox"] if is_root() else []),
        "--hide-scrollbars",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
        f"--window-size={_WINDOW}",
        f"--virtual-time-budget={_DRAWN_WITHIN_MS}",
        f"--screenshot={picture}",
        url,
    ]
