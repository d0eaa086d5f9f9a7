"""No change falls between two runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconcile.coverage import OVERLAP, covered_through, since
from reconcile.model import Mode, TableRef
from reconcile.records import RunState
from tests.unit.reconcile.fake_store import NOW, FakeStore, run_record

TABLE = TableRef("shop.users", "public.users", ignore_columns=("seen",))
DAY = timedelta(hours=26)


def store(*runs: Any) -> Any:
    return FakeStore(runs)


def incremental(hours_ago: float, **changes: Any) -> Any:
    end = NOW - timedelta(hours=hours_ago)
    return run_record(mode=Mode.INCREMENTAL, started_at=end, window_end=end, **changes)


def test_without_a_complete_run_nothing_is_covered() -> None:
    assert covered_through(store(), TABLE) is None
    assert since(store(run_record(state=RunState.INCOMPLETE)), TABLE, DAY, NOW) is None


def test_a_full_run_covers_what_was_there_when_it_began() -> None:
    full = run_record(started_at=NOW - timedelta(hours=5))

    assert covered_through(store(full), TABLE) == full.started_at


def test_an_incremental_run_covers_its_window() -> None:
    assert covered_through(store(incremental(3)), TABLE) == NOW - timedelta(hours=3)


def test_a_run_that_found_differences_covers_as_well() -> None:
    assert covered_through(store(incremental(3, exit_code=1)), TABLE) == NOW - timedelta(hours=3)


@pytest.mark.parametrize("state", [RunState.INCOMPLETE, RunState.INTERRUPTED, RunState.CRASHED, RunState.RUNNING])
def test_a_run_that_did_not_compare_everything_covers_nothing(state: RunState) -> None:
    older, newer = incremental(50), incremental(3, state=state)

    assert covered_through(store(older, newer), TABLE) == NOW - timedelta(hours=50)


def test_a_run_that_ignored_more_columns_covers_nothing() -> None:
    assert covered_through(store(run_record(ignored_columns=("seen",))), TABLE) is not None
    assert covered_through(store(run_record(ignored_columns=("seen", "email"))), TABLE) is None


def test_other_tables_do_not_count() -> None:
    assert covered_through(store(run_record(table_name="shop.orders")), TABLE) is None


def test_each_night_looks_back_a_little_more_than_a_day() -> None:
    assert since(store(incremental(24)), TABLE, DAY, NOW) == NOW - DAY


def test_after_nights_without_a_run_the_next_one_closes_the_gap() -> None:
    assert since(store(incremental(72)), TABLE, DAY, NOW) == NOW - timedelta(hours=72) - OVERLAP
