"""The picture of Prometheus' graphs: taken after the load, by a browser, of the page that this Prometheus has."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ops import screenshot
from ops.errors import OpsError
from ops.outputs import StackOutputs, parse_outputs
from ops.processes import Completed
from ops.project import PROJECT_DIR
from ops.screenshot import PANELS, graphs_url, take_screenshot
from testbed import host
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, FakeRunner, failed, ok

URL = "http://127.0.0.1:29190"
LOAD = (200.0, 300.0)


def redirecting(page: str) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": page}))


def outputs(*, watched: bool = True) -> StackOutputs:
    parsed = parse_outputs(RAW_OUTPUTS, "dev")
    return replace(parsed, endpoints={**parsed.endpoints, **({"prometheus": URL} if watched else {})})


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, without a browser and without rows."""
    done: list[str] = []
    monkeypatch.setattr(host, "require", lambda command, _say: done.append(f"require {command}"))
    monkeypatch.setattr(
        screenshot, "run_demo", lambda _outputs, rate, duration, _say: done.append(f"{rate} {duration}")
    )
    return done


@pytest.mark.parametrize("page", ["/classic/graph", "/graph"])
def test_the_page_is_the_one_to_which_the_root_leads(page: str) -> None:
    url = urlsplit(graphs_url(URL, redirecting(page)))

    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{URL}{page}"


def test_each_panel_is_a_graph_of_the_page() -> None:
    query = parse_qs(urlsplit(graphs_url(URL, redirecting("/graph"))).query)

    assert [query[f"g{number}.expr"] for number in range(len(PANELS))] == [[panel] for panel in PANELS]
    assert {query[f"g{number}.tab"][0] for number in range(len(PANELS))} == {"0"}, "the graph, not the table"


def test_the_threshold_beside_the_lag_is_that_of_its_alert() -> None:
    alerts = (PROJECT_DIR / "components" / "observability" / "files" / "rules" / "alerts.yml").read_text()
    threshold = re.search(r"cdc_sink_connector_lag_all_records > (\d+)", alerts)

    assert threshold
    assert f'vector({threshold[1]}), "alert", "CdcSinkLagGrowing"' in PANELS[0]


def test_the_picture_is_taken_after_the_load(order: list[str], tmp_path: Path) -> None:
    def browser(*_: object) -> Completed:
        order.append("picture")
        return ok()

    runner = FakeRunner().on("chromium", browser)
    picture = tmp_path / "new folder" / "graphs.png"

    take_screenshot(outputs(), runner, picture, LOAD, lambda _: None, redirecting("/graph"))

    assert order == ["require chromium", "200.0 300.0", "picture"]
    assert f"--screenshot={picture}" in runner.calls[0]
    assert picture.parent.is_dir()


def test_a_browser_that_fails_is_an_error(order: list[str], tmp_path: Path) -> None:
    runner = FakeRunner().on("chromium", failed("no display"))

    with pytest.raises(OpsError, match="no display"):
        take_screenshot(outputs(), runner, tmp_path / "p.png", LOAD, lambda _: None, redirecting("/graph"))
    assert order


def test_a_machine_without_a_browser_says_what_to_install(
    order: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise host.HostError("`chromium` is missing; install the Debian packages: chromium")

    monkeypatch.setattr(host, "require", missing)
    with pytest.raises(OpsError, match="install the Debian packages"):
        take_screenshot(outputs(), FakeRunner(), tmp_path / "p.png", LOAD, lambda _: None)
    assert order == [], "no rows are written for a picture that nobody can take"


def test_a_stack_that_nobody_watches_has_no_graphs(order: list[str], tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="no Prometheus"):
        take_screenshot(outputs(watched=False), FakeRunner(), tmp_path / "p.png", LOAD, lambda _: None)
    assert order == []
