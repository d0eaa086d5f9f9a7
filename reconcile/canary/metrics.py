"""The canary's metrics."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from reconcile.canary.settings import CanarySettings
from reconcile.canary.watch import Watch

LATENCY_BUCKETS: Final = (
    *(0.25, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9, 10, 12, 15, 20, 25, 30),
    *(45, 60, 120, 300, 600, 1800),
)
"""Seconds; narrow where the usual windows put it."""
WRITE_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
SIDES: Final = ("scylla", "postgres")
DOCKER_FILES: Final = "/"
"""The container's own file system is that of the Docker host's data."""


class CanaryMetrics:
    """Everything that /metrics shows."""

    def __init__(
        self,
        settings: CanarySettings,
        watch: Watch,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.registry: Final = CollectorRegistry()
        self.latency = Histogram(
            "cdc_end_to_end_latency_seconds",
            "From the start of a CQL write to when PostgreSQL shows it, s",
            registry=self.registry,
            buckets=LATENCY_BUCKETS,
        )
        self.write = Histogram(
            "cdc_canary_write_seconds",
            "How long a CQL write takes; the CDC log cannot be later than that, s",
            registry=self.registry,
            buckets=WRITE_BUCKETS,
        )
        self.errors = Counter(
            "cdc_canary_errors", "Writes (scylla) and reads (postgres) that failed", ["side"], registry=self.registry
        )
        self.up = Gauge("cdc_canary_up", "1 when the last use of the database worked", ["side"], registry=self.registry)
        for side in SIDES:
            self.errors.labels(side)
            self.up.labels(side).set(0)
        self._show("cdc_canary_age_seconds", "Age of the newest canary row in PostgreSQL, s").set_function(
            lambda: watch.age_seconds(now_ms())
        )
        self._show("cdc_canary_waiting", "Canary rows that are on their way").set_function(lambda: watch.waiting)
        self._show("cdc_canary_interval_seconds", "Time between two canary rows, s").set(settings.every_seconds)
        self._show("cdc_window_seconds", "The source's window, s").set(settings.window_size_ms / 1000)
        self._show("cdc_confidence_window_seconds", "How far the source stays behind the clock, s").set(
            settings.confidence_window_ms / 1000
        )
        self._show("cdc_log_ttl_seconds", "How long ScyllaDB keeps the CDC log, s").set(settings.cdc_ttl_seconds)
        self._show("cdc_disk_free_ratio", "Free part of the disk that holds the containers").set_function(_free_ratio)

    def _show(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)


def _free_ratio() -> float:
    usage = shutil.disk_usage(DOCKER_FILES)
    return usage.free / usage.total
