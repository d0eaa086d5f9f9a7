"""Which cause the evidence allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.cause_rules import Cell, Event, Evidence, decide
from reconcile.log_changes import Operation
from reconcile.model import Cause, Kind

HOUR_MS = 3_600_000
NOW_MS = 100 * HOUR_MS
LAG_MS = 60_000


def evidence(kind: Kind, *events: Event, **known: object) -> Evidence:
    base = Evidence(kind, now_ms=NOW_MS, log_start_ms=0, lag_ms=LAG_MS, enabled_ms=0, events=events)
    return replace(base, **known)  # type: ignore[arg-type]


def insert(at_hour: float, **known: object) -> Event:
    return replace(Event(int(at_hour * HOUR_MS), Operation.INSERT), **known)  # type: ignore[arg-type]


def row_delete(at_hour: float) -> Event:
    return Event(int(at_hour * HOUR_MS), Operation.ROW_DELETE)


def span_delete(at_hour: float, operation: Operation = Operation.RANGE_START_INCLUSIVE) -> Event:
    return Event(int(at_hour * HOUR_MS), operation, deletes_span=True)


def cell(*, source_null: bool = False, target_null: bool = False, written_hour: float | None = None) -> Cell:
    return Cell(source_null, target_null, None if written_hour is None else int(written_hour * HOUR_MS))


@pytest.mark.parametrize("operation", [Operation.RANGE_START_EXCLUSIVE, Operation.PARTITION_DELETE])
def test_an_extra_row_whose_last_change_is_a_range_or_partition_delete(operation: Operation) -> None:
    found = decide(evidence(Kind.EXTRA, span_delete(9, operation), insert(8, ttl_seconds=60)))

    assert found is Cause.RANGE_OR_PARTITION_DELETE


def test_a_range_delete_before_a_later_insert_explains_nothing() -> None:
    assert decide(evidence(Kind.EXTRA, insert(9), span_delete(8))) is Cause.UNKNOWN


def test_an_extra_row_written_with_a_ttl_that_is_over() -> None:
    assert decide(evidence(Kind.EXTRA, insert(9, ttl_seconds=60))) is Cause.TTL_EXPIRED


def test_a_ttl_that_is_not_over_explains_nothing() -> None:
    assert decide(evidence(Kind.EXTRA, insert(99, ttl_seconds=2 * 3600))) is Cause.UNKNOWN


def test_an_extra_row_of_a_table_with_a_default_ttl_that_the_log_forgot() -> None:
    assert decide(evidence(Kind.EXTRA, default_ttl=True)) is Cause.TTL_EXPIRED
    assert decide(evidence(Kind.EXTRA, default_ttl=True, all_events=False)) is Cause.UNKNOWN


def test_a_row_written_by_hand_into_a_table_with_a_default_ttl_did_not_expire() -> None:
    assert decide(evidence(Kind.EXTRA, default_ttl=True, committed_ms=50 * HOUR_MS)) is Cause.PG_LOCAL_WRITE


def test_a_cell_that_expired_leaves_postgresql_at_the_last_change() -> None:
    newest = insert(9, ttl_seconds=60, equals_target=True)

    assert decide(evidence(Kind.MISMATCH, newest, cells=(cell(source_null=True),))) is Cause.TTL_EXPIRED
    assert decide(evidence(Kind.MISMATCH, newest, cells=(cell(),))) is Cause.UNKNOWN
    assert decide(evidence(Kind.MISMATCH, replace(newest, equals_target=False), cells=(cell(source_null=True),))) is (
        Cause.UNKNOWN
    )


def test_a_null_over_a_cell_older_than_the_row_is_a_partial_update_written_in_full() -> None:
    cells = (cell(target_null=True, written_hour=5), cell(target_null=True, written_hour=6))

    assert decide(evidence(Kind.MISMATCH, cells=cells, row_written_ms=7 * HOUR_MS)) is Cause.NULL_OVERWRITE


@pytest.mark.parametrize(
    "other",
    [
        cell(target_null=True, written_hour=7),  # as new as the row
        cell(target_null=True),  # unknown when it was written
        cell(written_hour=5),  # not null
    ],
)
def test_a_null_is_no_overwrite_when_one_cell_says_otherwise(other: Cell) -> None:
    cells = (cell(target_null=True, written_hour=5), other)

    assert decide(evidence(Kind.MISMATCH, cells=cells, row_written_ms=7 * HOUR_MS)) is Cause.UNKNOWN


def test_an_older_state_of_the_row_is_stale() -> None:
    events = insert(9, equals_target=False), insert(8, equals_target=True)

    assert decide(evidence(Kind.MISMATCH, *events, cells=(cell(),))) is Cause.STALE_UPDATE


def test_a_row_that_postgresql_wrote_before_the_last_change_is_stale() -> None:
    newest = insert(9, equals_target=False)
    found = evidence(Kind.MISMATCH, newest, cells=(cell(),), committed_ms=8 * HOUR_MS)

    assert decide(found) is Cause.STALE_UPDATE
    assert decide(replace(found, committed_ms=None)) is Cause.UNKNOWN


def test_the_newest_state_of_the_row_is_not_stale() -> None:
    events = insert(9, equals_target=True), insert(8, equals_target=True)

    assert decide(evidence(Kind.MISMATCH, *events, cells=(cell(),))) is Cause.UNKNOWN


def test_a_missing_row_whose_write_is_in_the_log_never_arrived() -> None:
    assert decide(evidence(Kind.MISSING, insert(9))) is Cause.NEVER_ARRIVED
    assert decide(evidence(Kind.MISSING)) is Cause.UNKNOWN
    assert decide(evidence(Kind.MISSING, row_delete(9))) is Cause.UNKNOWN


def test_a_delete_that_left_the_row_as_it_was_never_arrived() -> None:
    events = row_delete(9), insert(8, equals_target=True)

    assert decide(evidence(Kind.EXTRA, *events)) is Cause.NEVER_ARRIVED
    assert decide(evidence(Kind.EXTRA, row_delete(9), committed_ms=8 * HOUR_MS)) is Cause.NEVER_ARRIVED
    assert decide(evidence(Kind.EXTRA, row_delete(9))) is Cause.UNKNOWN


def test_a_row_written_again_long_after_its_delete_is_not_a_lost_delete() -> None:
    old_state = row_delete(9), insert(8, equals_target=True)
    new_state = row_delete(9), insert(8, equals_target=False)

    assert decide(evidence(Kind.EXTRA, *old_state, committed_ms=50 * HOUR_MS)) is Cause.UNKNOWN
    assert decide(evidence(Kind.EXTRA, *new_state, committed_ms=50 * HOUR_MS)) is Cause.PG_LOCAL_WRITE


def test_a_missing_row_from_before_cdc_was_enabled() -> None:
    found = evidence(Kind.MISSING, enabled_ms=9 * HOUR_MS, row_written_ms=8 * HOUR_MS)

    assert decide(found) is Cause.PRE_CDC
    assert decide(replace(found, row_written_ms=10 * HOUR_MS)) is Cause.UNKNOWN
    assert decide(replace(found, enabled_ms=None)) is Cause.UNKNOWN


def test_a_mismatch_from_before_cdc_needs_to_be_as_old_in_postgresql() -> None:
    found = evidence(Kind.MISMATCH, cells=(cell(),), enabled_ms=9 * HOUR_MS, row_written_ms=8 * HOUR_MS)

    assert decide(replace(found, committed_ms=7 * HOUR_MS)) is Cause.PRE_CDC
    assert decide(replace(found, committed_ms=50 * HOUR_MS)) is Cause.PG_LOCAL_WRITE
    assert decide(found) is Cause.UNKNOWN


@pytest.mark.parametrize("kind", [Kind.EXTRA, Kind.MISMATCH])
def test_a_row_that_postgresql_wrote_while_nothing_was_on_its_way_was_written_by_hand(kind: Kind) -> None:
    cells = (cell(),) if kind is Kind.MISMATCH else ()
    found = evidence(kind, insert(9, equals_target=False), cells=cells, committed_ms=50 * HOUR_MS)

    assert decide(found) is Cause.PG_LOCAL_WRITE


@pytest.mark.parametrize(
    "doubt",
    [
        {"committed_ms": None},
        {"committed_ms": 9 * HOUR_MS + LAG_MS // 2},  # the pipeline was at work
        {"log_start_ms": 50 * HOUR_MS},  # the log does not reach back
        {"all_events": False},
    ],
)
def test_in_doubt_nobody_wrote_by_hand(doubt: dict[str, object]) -> None:
    found = evidence(
        Kind.MISMATCH, insert(9, equals_target=False), cells=(cell(),), **{"committed_ms": 50 * HOUR_MS, **doubt}
    )

    assert decide(found) is Cause.UNKNOWN


def test_a_value_that_postgresql_cannot_hold_explains_a_missing_row_better_than_its_event() -> None:
    assert decide(evidence(Kind.MISSING, insert(9), representable=False)) is Cause.UNREPRESENTABLE


def test_a_rounded_value_is_lossy_only_when_nothing_else_differs() -> None:
    lossy = replace(cell(), lossy=True)

    assert decide(evidence(Kind.MISMATCH, cells=(lossy, lossy))) is Cause.TYPE_LOSSY
    assert decide(evidence(Kind.MISMATCH, cells=(lossy, cell()))) is Cause.UNKNOWN


def test_a_null_in_the_key_has_no_known_cause() -> None:
    assert decide(evidence(Kind.INVALID_KEY)) is Cause.UNKNOWN
