"""How the rows that the log names are compared."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconcile import log_compare
from reconcile.log_compare import LogComparison, TooManyDifferencesError
from reconcile.model import Key, KeySpan, Kind, ScanOptions, Unit, UnitKind, UnitResult
from tests.unit.reconcile.fake_source import FakeSource, FakeTarget, table_plan

UNIT = Unit(0, UnitKind.LOG)
SAME, OTHER = (b"same",), (b"other",)


class Databases:
    """Both sides, and a comparison of them."""

    def __init__(self, page_rows: int = 100) -> None:
        self.source, self.target = FakeSource(), FakeTarget()
        self.comparison = LogComparison(
            cast(Any, self.source), cast(Any, self.target), table_plan(), ScanOptions(page_rows=page_rows)
        )

    def both(self, *keys: Key) -> None:
        for side in (self.source, self.target):
            side.rows |= dict.fromkeys(keys, SAME)

    def result(self, *rows: Key | KeySpan) -> UnitResult:
        for each in rows:
            self.comparison.add(each)
        return self.comparison.result(UNIT)


def found(result: UnitResult) -> dict[Key, Kind]:
    return {difference.key: difference.kind for difference in result.candidates}


def test_equal_rows_are_counted_and_differing_ones_become_candidates() -> None:
    databases = Databases()
    databases.both((1, 0, 1))
    databases.source.rows |= {(1, 0, 2): SAME, (1, 0, 3): SAME}
    databases.target.rows |= {(1, 0, 3): OTHER, (1, 0, 4): SAME}

    result = databases.result((1, 0, 1), (1, 0, 2), (1, 0, 3), (1, 0, 4), (1, 0, 5))

    assert found(result) == {(1, 0, 2): Kind.MISSING, (1, 0, 3): Kind.MISMATCH, (1, 0, 4): Kind.EXTRA}
    counts = result.counts
    assert (counts.source_rows, counts.target_rows, counts.matched_rows) == (3, 3, 2)


def test_a_row_changed_many_times_is_compared_once() -> None:
    databases = Databases()
    databases.both((1, 0, 1))

    databases.result(*[(1, 0, 1)] * 50)

    assert databases.source.reads == [[(1, 0, 1)]]


def test_a_span_is_read_on_both_sides() -> None:
    databases = Databases()
    databases.both((1, 0, 1), (2, 0, 1))
    databases.target.rows[(1, 0, 2)] = SAME
    databases.source.rows[(1, 0, 3)] = SAME

    result = databases.result(KeySpan((1,)))

    assert found(result) == {(1, 0, 2): Kind.EXTRA, (1, 0, 3): Kind.MISSING}
    assert result.counts.source_rows == 2  # not the other partition's


def test_a_span_is_read_once_and_not_at_all_after_its_partition() -> None:
    databases = Databases()

    databases.result(KeySpan((1,), (0,)), KeySpan((1,), (0,)), KeySpan((1,)), KeySpan((1,), (5,)), KeySpan((2,), (5,)))

    assert databases.target.spans == [KeySpan((1,), (0,)), KeySpan((1,)), KeySpan((2,), (5,))]


def test_batches_are_as_large_as_asked_for() -> None:
    databases = Databases(page_rows=2)

    databases.result(*[(1, 0, number) for number in range(5)])

    assert [len(batch) for batch in databases.source.reads] == [2, 2, 1]


def test_streams_are_kept_apart_because_a_row_s_changes_are_in_one() -> None:
    databases = Databases()
    databases.comparison.add((1, 0, 1))
    databases.comparison.end_of_stream()

    assert not databases.comparison._seen


def test_what_is_remembered_is_bounded_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_compare, "MOST_REMEMBERED", 3)
    databases = Databases()
    keys = [(1, 0, number) for number in range(10)]
    databases.target.rows |= dict.fromkeys(keys, SAME)

    result = databases.result(*keys, *keys)

    assert found(result) == dict.fromkeys(keys, Kind.EXTRA)
    assert len(result.candidates) == 10
    assert len(databases.comparison._seen) <= 3


def test_a_unit_with_more_differences_than_it_can_hold_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_compare, "MOST_CANDIDATES", 3)
    databases = Databases(page_rows=2)
    databases.target.rows |= {(1, 0, number): SAME for number in range(10)}

    with pytest.raises(TooManyDifferencesError, match=r"shop\.orders.*--mode full"):
        databases.result(*databases.target.rows)
