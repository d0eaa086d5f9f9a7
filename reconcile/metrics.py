"""Metrics for Prometheus, computed from the bookkeeping tables at scrape time.

So runs from anywhere show up (the schedule's, those on demand, those of another machine), and no restart loses a count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final, Literal
from uuid import UUID

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconcile.errors import ReconcileError
from reconcile.model import Kind
from reconcile.queries import load
from reconcile.records import UNSETTLED, RunState
from reconcile.store import Store

CACHE_SECONDS: Final = 5.0
"""Several scrapers at once ask the database once."""


@dataclass(frozen=True)
class Spec:
    """A metric as it is exposed and documented."""

    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ("table",)

    def family(self, name: str) -> CounterMetricFamily | GaugeMetricFamily:
        """Return the metric of that name, without samples."""
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return made(name, self.help, labels=self.labels)


SPECS: Final[dict[str, Spec]] = {
    "reconcile_rows_total": Spec("counter", "Rows compared, by side (source, target)", ("table", "side")),
    "reconcile_scan_seconds_total": Spec("counter", "Time that workers spent comparing, s"),
    "reconcile_discrepancies_total": Spec(
        "counter", "Differences that were confirmed, or never stood still", ("table", "kind", "cause")
    ),
    "reconcile_open_discrepancies": Spec("gauge", "Findings that still say the sides differ", ("table", "kind")),
    "reconcile_rechecks_total": Spec(
        "counter", "Candidates decided, by outcome (transient, confirmed, unstable)", ("table", "outcome")
    ),
    "reconcile_candidates": Spec("gauge", "Differences of a run in progress that are not decided yet"),
    "reconcile_repairs_total": Spec(
        "counter", "Rows that were repaired, or tried, or undone", ("table", "action", "outcome")
    ),
    "reconcile_units": Spec("gauge", "Units of the newest run (pending, done, failed)", ("table", "state")),
    "reconcile_run_in_progress": Spec("gauge", "1 while a run is alive"),
    "reconcile_run_duration_seconds": Spec("gauge", "Duration of the newest run that ended, s", ("table", "mode")),
    "reconcile_last_exit_code": Spec("gauge", "Exit code of the newest run that ended"),
    "reconcile_last_success_timestamp_seconds": Spec(
        "gauge", "End of the newest run that compared everything, whatever it found; Unix time, s", ("table", "mode")
    ),
    "reconcile_verified_through_timestamp_seconds": Spec(
        "gauge", "Up to when clean runs have proved the table without a gap; Unix time, s"
    ),
    "reconcile_pipeline_lag_seconds": Spec("gauge", "Largest lag of the pipeline that the newest run saw, s"),
    "reconcile_breaker_tripped": Spec("gauge", "1 when the newest run stopped repairing because there was too much"),
    "reconcile_bookkeeping_up": Spec("gauge", "1 when the bookkeeping tables could be read", ()),
}
"""Every metric that comes from the tables. Labels never hold keys or values of rows."""


@dataclass(frozen=True)
class _Sample:
    name: str
    labels: tuple[str, ...]
    value: float


class BookkeepingCollector(Collector):
    """Reads the tables when it is scraped.

    Args:
        open_store: connects; called for each scrape, so that rotated passwords are seen.
        tables: the configured source tables; they have samples before their first run, so that alerts can see zeros.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        tables: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_store = open_store
        self._tables = tables
        self._clock = clock
        self._lock = Lock()
        self._samples: list[_Sample] = []
        self._read_at = -float("inf")
        self._ended: dict[tuple[UUID, datetime], dict[str, Any]] = {}
        """Sums of runs that ended: they do not change, and there may be millions of units."""

    def collect(self) -> Iterable[Metric]:
        """Return all metrics; when the database does not answer, only that it does not."""
        with self._lock:
            if self._clock() - self._read_at >= CACHE_SECONDS:
                try:
                    with self._open_store() as store:
                        self._samples = [*self._read(store), _Sample("reconcile_bookkeeping_up", (), 1)]
                except ReconcileError:
                    # Old figures would look like a healthy job.
                    self._samples = [_Sample("reconcile_bookkeeping_up", (), 0)]
                self._read_at = self._clock()
            samples = list(self._samples)
        for name, spec in SPECS.items():
            family = spec.family(name)
            for sample in samples:
                if sample.name == name:
                    family.add_metric(sample.labels, sample.value)
            yield family

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def _read(self, store: Store) -> Iterator[_Sample]:
        runs = store.rows(load("metrics_runs"))
        tables = sorted({*self._tables, *(run["table_name"] for run in runs)})
        units = self._units(store, runs)
        yield from _totals(tables, runs, units)
        yield from _newest(runs, units)
        yield from _findings(tables, store.rows(load("metrics_findings")))
        candidates = {row["table_name"]: row["candidates"] for row in store.rows(load("metrics_candidates"))}
        for table in tables:
            yield _Sample("reconcile_candidates", (table,), candidates.get(table, 0))
            if through := store.verified_through(table):
                yield _Sample("reconcile_verified_through_timestamp_seconds", (table,), through.timestamp())
        for row in store.rows(load("metrics_repairs")):
            labels = (row["table_name"], row["action"], row["outcome"])
            yield _Sample("reconcile_repairs_total", labels, row["repairs"])

    def _units(self, store: Store, runs: Sequence[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
        """Return the sums of each run; the database is asked for those that have changed."""
        known = {
            run["run_id"]: self._ended[key] for run in runs if (key := (run["run_id"], run["ended_at"])) in self._ended
        }
        asked = [run["run_id"] for run in runs if run["run_id"] not in known]
        fresh = {row["run_id"]: row for row in store.rows(load("metrics_units"), {"runs": asked})} if asked else {}
        found = known | fresh
        self._ended = {
            (run["run_id"], run["ended_at"]): found[run["run_id"]]
            for run in runs
            if run["ended_at"] is not None and run["run_id"] in found
        }
        return found


def _totals(
    tables: Sequence[str], runs: Sequence[dict[str, Any]], units: dict[UUID, dict[str, Any]]
) -> Iterator[_Sample]:
    for table in tables:
        seen = [units[run["run_id"]] for run in runs if run["table_name"] == table and run["run_id"] in units]
        for side in ("source", "target"):
            yield _Sample("reconcile_rows_total", (table, side), sum(each[f"{side}_rows"] for each in seen))
        yield _Sample("reconcile_scan_seconds_total", (table,), sum(each["seconds"] for each in seen))
        yield _Sample("reconcile_rechecks_total", (table, "transient"), sum(each["transient"] for each in seen))
        alive = any(run["in_progress"] for run in runs if run["table_name"] == table)
        yield _Sample("reconcile_run_in_progress", (table,), int(alive))


def _newest(runs: Sequence[dict[str, Any]], units: dict[UUID, dict[str, Any]]) -> Iterator[_Sample]:
    """Samples of each table's newest run, and of the newest that ended or succeeded. `runs` are the oldest first."""
    newest = {run["table_name"]: run for run in runs}
    for table, run in newest.items():
        for state in ("pending", "done", "failed"):
            yield _Sample("reconcile_units", (table, state), units.get(run["run_id"], {}).get(state, 0))
        yield _Sample("reconcile_breaker_tripped", (table,), int(run["breaker_tripped"]))
        if run["lag_seconds"] is not None:
            yield _Sample("reconcile_pipeline_lag_seconds", (table,), run["lag_seconds"])
    for table, run in {run["table_name"]: run for run in runs if run["exit_code"] is not None}.items():
        yield _Sample("reconcile_last_exit_code", (table,), run["exit_code"])
    ended = {(run["table_name"], run["mode"]): run for run in runs if run["ended_at"] is not None}
    for labels, run in ended.items():
        yield _Sample("reconcile_run_duration_seconds", labels, run["running_seconds"])
    for labels, run in {
        (run["table_name"], run["mode"]): run for run in runs if run["state"] == RunState.FINISHED
    }.items():
        yield _Sample("reconcile_last_success_timestamp_seconds", labels, run["ended_at"].timestamp())


def _findings(tables: Sequence[str], rows: Sequence[dict[str, Any]]) -> Iterator[_Sample]:
    def count(**wanted: Any) -> int:
        return sum(row["findings"] for row in rows if all(row[name] in values for name, values in wanted.items()))

    for table in tables:
        for kind in Kind:
            still_open = count(table_name=(table,), kind=(kind,), state=UNSETTLED)
            yield _Sample("reconcile_open_discrepancies", (table, kind.value), still_open)
        unstable = count(table_name=(table,), state=("unstable",))
        yield _Sample("reconcile_rechecks_total", (table, "unstable"), unstable)
        yield _Sample("reconcile_rechecks_total", (table, "confirmed"), count(table_name=(table,)) - unstable)
    by_cause: dict[tuple[str, str, str], int] = {}
    for row in rows:
        labels = (row["table_name"], row["kind"], row["cause"])
        by_cause[labels] = by_cause.get(labels, 0) + row["findings"]
    for labels, findings in by_cause.items():
        yield _Sample("reconcile_discrepancies_total", labels, findings)
