"""What a stack's Prometheus says: the figures of `cdc status`, and the alerts that fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx

from ops.outputs import StackOutputs

_ANSWER_SECONDS: Final = 5.0
CRITICAL: Final = "critical"

QUERIES: Final[Mapping[str, str]] = {
    "canary_age_seconds": "max(cdc_canary_age_seconds)",
    "latency_p50_seconds": ("histogram_quantile(0.5, sum by (le) (rate(cdc_end_to_end_latency_seconds_bucket[5m])))"),
    "latency_p99_seconds": ("histogram_quantile(0.99, sum by (le) (rate(cdc_end_to_end_latency_seconds_bucket[5m])))"),
    "records_per_second": "sum(cdc_messages_in_per_second)",
    "sink_lag_records": "sum(cdc_sink_connector_lag_records)",
    "sink_lag_seconds": "max(cdc_sink_connector_lag_seconds)",
    "source_poll_age_seconds": "max(cdc_source_last_poll_age_seconds)",
    "dead_letters": "cdc_dlq_messages",
    "open_differences": "sum(reconcile_open_discrepancies)",
    "last_reconcile_age_seconds": "time() - min(max by (table) (reconcile_last_success_timestamp_seconds))",
}
"""Figure by name; each has one value, or none where nothing of the kind has happened yet."""


@dataclass(frozen=True)
class Alert:
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    runbook: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Watching:
    """What Prometheus says."""

    figures: Mapping[str, float | None]
    alerts: tuple[Alert, ...]
    error: str = ""
    """Why it says nothing; empty when it does."""

    @property
    def critical(self) -> tuple[Alert, ...]:
        """The alerts that say that rows do not arrive, or are about to be lost."""
        return tuple(alert for alert in self.alerts if alert.severity == CRITICAL)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """Return the figures for a terminal: name and value with its unit."""
        return [(name.removesuffix("_seconds").replace("_", " "), _shown(name, self.figures[name])) for name in QUERIES]


def watch(outputs: StackOutputs, transport: httpx.BaseTransport | None = None) -> Watching | None:
    """Ask Prometheus; None where the stack has none that can be reached from here."""
    url = outputs.endpoints.get("prometheus")
    if not url:
        return None
    try:
        with httpx.Client(base_url=f"{url}/api/v1", timeout=_ANSWER_SECONDS, transport=transport) as client:
            figures = {name: _value(client, query) for name, query in QUERIES.items()}
            return Watching(figures, _alerts(client))
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return Watching(dict.fromkeys(QUERIES), (), f"Prometheus at {url} does not answer: {type(error).__name__}")


def _get(client: httpx.Client, path: str, **parameters: str) -> Any:
    answer = client.get(path, params=parameters)
    answer.raise_for_status()
    return answer.json()["data"]


def _value(client: httpx.Client, query: str) -> float | None:
    found = _get(client, "query", query=query)["result"]
    value = float(found[0]["value"][1]) if found else None
    return None if value is None or value != value else value


def _alerts(client: httpx.Client) -> tuple[Alert, ...]:
    firing = [each for each in _get(client, "alerts")["alerts"] if each["state"] == "firing"]
    found = [
        Alert(
            each["labels"]["alertname"],
            each["labels"].get("severity", ""),
            each["annotations"].get("summary", ""),
            each["annotations"].get("runbook", ""),
            {key: value for key, value in each["labels"].items() if key not in ("alertname", "severity")},
        )
        for each in firing
    ]
    return tuple(
        sorted(found, key=lambda alert: (alert.severity != CRITICAL, alert.name, sorted(alert.labels.items())))
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "none yet"
    if name.endswith("_seconds"):
        return duration(value)
    return f"{value:.1f}" if name.endswith("per_second") else f"{value:.0f}"


def duration(seconds: float) -> str:
    """Return a duration for people, in a unit that leaves a small number."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"
