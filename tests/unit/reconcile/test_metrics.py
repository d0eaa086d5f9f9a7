"""Metrics are what the bookkeeping tables say at scrape time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reconcile.errors import UnreachableError
from reconcile.metrics import CACHE_SECONDS, SPECS, BookkeepingCollector
from tests.unit.reconcile.fake_store import NOW, FakeStore

Samples = dict[tuple[str, tuple[str, ...]], float]

USERS = "shop.users"


def run(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "run_id": UUID(int=number),
        "table_name": USERS,
        "mode": "full",
        "state": "finished",
        "attempt": 1,
        "ended_at": NOW,
        "running_seconds": 60.0,
        "exit_code": 0,
        "lag_seconds": 2.0,
        "breaker_tripped": False,
        "in_progress": False,
        **changes,
    }


def units(number: int, **changes: Any) -> dict[str, Any]:
    sums = {"source_rows": 10, "target_rows": 9, "seconds": 1.5, "transient": 2, "done": 4, "failed": 0, "pending": 0}
    return {"run_id": UUID(int=number), **sums, **changes}


@pytest.fixture
def store() -> FakeStore:
    fake = FakeStore()
    fake.answers = {
        "metrics_runs": [run(1), run(2, mode="incremental", exit_code=1, ended_at=NOW + timedelta(hours=1))],
        "metrics_units": [units(1), units(2, source_rows=100, failed=1)],
        "metrics_findings": [
            {"table_name": USERS, "kind": "missing", "cause": "never_arrived", "state": "open", "findings": 3},
            {"table_name": USERS, "kind": "missing", "cause": "never_arrived", "state": "repaired", "findings": 4},
            {"table_name": USERS, "kind": "extra", "cause": "ttl_expired", "state": "unstable", "findings": 1},
        ],
        "metrics_repairs": [{"table_name": USERS, "action": "insert", "outcome": "applied", "repairs": 4}],
        "metrics_candidates": [{"table_name": USERS, "candidates": 7}],
    }
    fake.verified = {USERS: NOW}
    return fake


def collector(store: FakeStore, *tables: str, clock: Callable[[], float] = lambda: 0.0) -> BookkeepingCollector:
    return BookkeepingCollector(lambda: store, tables, clock)  # type: ignore[arg-type, return-value] # a fake


def scrape(collected: BookkeepingCollector) -> Samples:
    """What Prometheus would store: name and label values."""
    registry = CollectorRegistry()
    registry.register(collected)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sample.labels[name] for name in SPECS[sample.name].labels)): sample.value
        for family in families
        for sample in family.samples
    }


def test_rows_are_summed_over_all_runs(store: FakeStore) -> None:
    samples = scrape(collector(store, USERS))

    assert samples["reconcile_rows_total", (USERS, "source")] == 110
    assert samples["reconcile_rows_total", (USERS, "target")] == 18
    assert samples["reconcile_scan_seconds_total", (USERS,)] == 3.0


def test_findings_are_counted_by_kind_cause_and_whether_they_stand(store: FakeStore) -> None:
    samples = scrape(collector(store, USERS))

    assert samples["reconcile_discrepancies_total", (USERS, "missing", "never_arrived")] == 7
    assert samples["reconcile_open_discrepancies", (USERS, "missing")] == 3
    assert samples["reconcile_open_discrepancies", (USERS, "extra")] == 1
    assert samples["reconcile_open_discrepancies", (USERS, "mismatch")] == 0
    assert {
        outcome: samples["reconcile_rechecks_total", (USERS, outcome)]
        for outcome in ("transient", "confirmed", "unstable")
    } == {"transient": 4, "confirmed": 7, "unstable": 1}
    assert samples["reconcile_repairs_total", (USERS, "insert", "applied")] == 4
    assert samples["reconcile_candidates", (USERS,)] == 7


def test_the_newest_run_decides_units_and_exit_code_and_each_mode_has_its_last_success(store: FakeStore) -> None:
    samples = scrape(collector(store, USERS))

    assert samples["reconcile_units", (USERS, "failed")] == 1
    assert samples["reconcile_last_exit_code", (USERS,)] == 1
    assert samples["reconcile_last_success_timestamp_seconds", (USERS, "full")] == NOW.timestamp()
    assert samples["reconcile_last_success_timestamp_seconds", (USERS, "incremental")] == NOW.timestamp() + 3600
    assert samples["reconcile_verified_through_timestamp_seconds", (USERS,)] == NOW.timestamp()


def test_a_run_that_did_not_compare_everything_is_no_success(store: FakeStore) -> None:
    store.answers["metrics_runs"] = [run(1, state="incomplete", exit_code=3, breaker_tripped=True)]

    samples = scrape(collector(store, USERS))

    assert ("reconcile_last_success_timestamp_seconds", (USERS, "full")) not in samples
    assert samples["reconcile_last_exit_code", (USERS,)] == 3
    assert samples["reconcile_breaker_tripped", (USERS,)] == 1


def test_a_run_in_progress_is_shown_and_has_no_exit_code(store: FakeStore) -> None:
    going = run(1, state="running", ended_at=None, exit_code=None, in_progress=True)
    store.answers["metrics_runs"] = [going]
    store.answers["metrics_units"] = [units(1, done=1, pending=3)]

    samples = scrape(collector(store, USERS))

    assert samples["reconcile_run_in_progress", (USERS,)] == 1
    assert samples["reconcile_units", (USERS, "pending")] == 3
    assert ("reconcile_last_exit_code", (USERS,)) not in samples


def test_a_table_that_never_ran_has_zeros_so_that_alerts_see_it() -> None:
    samples = scrape(collector(FakeStore(), "shop.orders"))

    assert samples["reconcile_open_discrepancies", ("shop.orders", "missing")] == 0
    assert samples["reconcile_rows_total", ("shop.orders", "source")] == 0
    assert samples["reconcile_run_in_progress", ("shop.orders",)] == 0
    assert samples["reconcile_bookkeeping_up", ()] == 1


def test_without_a_database_there_are_no_old_figures(store: FakeStore) -> None:
    now = [0.0]

    def open_store() -> FakeStore:
        if now[0]:
            raise UnreachableError("PostgreSQL does not answer")
        return store

    collected = BookkeepingCollector(open_store, (USERS,), lambda: now[0])  # type: ignore[arg-type] # a fake
    assert scrape(collected)["reconcile_bookkeeping_up", ()] == 1

    now[0] = CACHE_SECONDS
    assert scrape(collected) == {("reconcile_bookkeeping_up", ()): 0}


def test_several_scrapes_at_once_read_once_and_close_what_they_open(store: FakeStore) -> None:
    now = [0.0]
    collected = collector(store, USERS, clock=lambda: now[0])

    scrape(collected)
    now[0] = CACHE_SECONDS - 0.1
    scrape(collected)
    assert store.closed == 1

    now[0] = CACHE_SECONDS
    scrape(collected)
    assert store.closed == 2


def test_sums_of_runs_that_ended_are_not_computed_again(store: FakeStore) -> None:
    now = [0.0]
    store.answers["metrics_runs"].append(run(3, state="running", ended_at=None))
    store.answers["metrics_units"].append(units(3))
    collected = collector(store, USERS, clock=lambda: now[0])

    first = scrape(collected)
    now[0] = CACHE_SECONDS
    second = scrape(collected)

    asked = [parameters["runs"] for name, parameters in store.asked if name == "metrics_units"]
    assert asked == [[UUID(int=1), UUID(int=2), UUID(int=3)], [UUID(int=3)]]
    assert first == second


def test_a_resumed_run_is_summed_again_when_it_ends_anew(store: FakeStore) -> None:
    now = [0.0]
    collected = collector(store, USERS, clock=lambda: now[0])
    scrape(collected)
    store.answers["metrics_runs"] = [run(1, ended_at=NOW + timedelta(hours=2), attempt=2)]
    store.answers["metrics_units"] = [units(1, source_rows=50)]
    now[0] = CACHE_SECONDS

    assert scrape(collected)["reconcile_rows_total", (USERS, "source")] == 50


def test_registering_asks_no_database() -> None:
    def open_store() -> FakeStore:
        raise AssertionError("asked")

    CollectorRegistry().register(BookkeepingCollector(open_store, ()))  # type: ignore[arg-type] # a fake


def test_no_label_can_hold_a_key_or_a_value() -> None:
    assert {label for spec in SPECS.values() for label in spec.labels} == {
        *("table", "side", "kind", "cause", "outcome", "action", "mode", "state"),
    }
