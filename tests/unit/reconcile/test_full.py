"""The work of a unit and the search for extra rows, with both sides in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile import seen
from reconcile.full import find_extra, scan_unit
from reconcile.key_batch import KeyBatch, target_keys
from reconcile.model import Kind, ScanOptions, Unit, UnitKind
from reconcile.schema import TablePlan
from reconcile.seen import absent_hashes
from tests.unit.reconcile.plans import column, plan

UNIT = Unit(3, UnitKind.TOKENS, -10, 10)
TABLE = plan(column("id", "int"), values=(column("name", "text"),))
WITH_STATIC = plan(
    column("id", "int"),
    column("part", "text"),
    values=(column("name", "text"), column("owner", "text", is_static=True)),
)
Row = tuple[Any, ...]


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


class Sides:
    """Both tables in memory; the keys of both are equal bytes."""

    def __init__(self, source: list[Row], target: list[Row]) -> None:
        self._source = source
        self._target = target
        self.exports = 0
        self.asked: list[tuple[int, int, int, int]] = []

    def scan(self, _plan: TablePlan, low: int, high: int, page_rows: int, *, fetch_rows: int) -> Iterator[list[Row]]:
        self.asked.append((low, high, page_rows, fetch_rows))
        for first in range(0, len(self._source), page_rows):
            yield self._source[first : first + page_rows]

    def lookup(self, table: TablePlan, keys: KeyBatch) -> list[Row]:
        wanted = set(keys.match)
        return [
            row
            for row, key in zip(self._target, target_keys(table.key, self._target).match, strict=True)
            if key in wanted
        ]

    def keys_raw(self, table: TablePlan) -> Iterator[list[Row]]:
        self.exports += 1
        for first in range(0, len(self._target), 7):
            yield [row[: len(table.key)] for row in self._target[first : first + 7]]


def rows(*keys: int, name: bytes = b"a") -> list[Row]:
    return [(number(key), name) for key in keys]


def test_a_unit_counts_what_it_saw_and_returns_what_differs() -> None:
    sides = Sides(rows(*range(25)), [*rows(*range(1, 24)), (number(24), b"other"), *rows(99)])

    result = scan_unit(sides, sides, TABLE, UNIT, ScanOptions(page_rows=10, fetch_rows=4))

    assert sides.asked == [(-10, 10, 10, 4)]
    assert result.unit == UNIT
    assert (result.counts.source_rows, result.counts.target_rows, result.counts.matched_rows) == (25, 24, 24)
    assert [(each.key, each.kind) for each in result.candidates] == [((0,), Kind.MISSING), ((24,), Kind.MISMATCH)]
    assert len(np.frombuffer(result.seen_hashes, np.uint64)) == 25
    assert result.counts.seconds > 0


def test_an_empty_range_is_done() -> None:
    result = scan_unit(Sides([], []), Sides([], []), TABLE, UNIT, ScanOptions())
    assert (result.counts.source_rows, result.candidates, result.seen_hashes) == (0, (), b"")


def test_a_partition_of_static_columns_alone_is_no_row() -> None:
    sides = Sides([(number(1), None, None, b"x"), (number(2), b"p", b"n", b"x")], [(number(2), b"p", b"n", b"x")])

    result = scan_unit(sides, sides, WITH_STATIC, UNIT, ScanOptions())

    assert (result.counts.source_rows, result.counts.static_only_partitions, result.candidates) == (1, 1, ())


def test_a_unit_reads_no_faster_than_it_may() -> None:
    sides = Sides(rows(*range(20)), rows(*range(20)))
    began = time.monotonic()
    scan_unit(sides, sides, TABLE, UNIT, ScanOptions(page_rows=5, max_rows_per_second=100))
    assert time.monotonic() - began >= 0.2


def test_an_error_of_a_side_fails_the_unit() -> None:
    class Broken(Sides):
        def lookup(self, _table: TablePlan, _keys: KeyBatch) -> list[Row]:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        scan_unit(Sides(rows(1), []), Broken([], []), TABLE, UNIT, ScanOptions())


def search(tmp_path: Path, sides: Sides, table: TablePlan = TABLE) -> list[Any]:
    result = scan_unit(sides, sides, table, UNIT, ScanOptions(page_rows=10))
    (tmp_path / "3.u64").write_bytes(result.seen_hashes)
    return [key for keys in find_extra(sides, table, tmp_path) for key in keys]


def test_rows_that_only_the_target_has_are_found(tmp_path: Path) -> None:
    sides = Sides(rows(*range(50)), rows(*range(40, 60)))
    assert sorted(search(tmp_path, sides)) == [(key,) for key in range(50, 60)]
    assert list(tmp_path.iterdir()) == [tmp_path / "3.u64"]


def test_the_keys_are_read_once_when_there_is_nothing_extra(tmp_path: Path) -> None:
    sides = Sides(rows(*range(50)), rows(*range(40)))
    assert search(tmp_path, sides) == []
    assert sides.exports == 1


def test_all_rows_are_extra_when_the_source_is_empty(tmp_path: Path) -> None:
    assert sorted(search(tmp_path, Sides([], rows(1, 2)))) == [(1,), (2,)]


def test_keys_with_null_are_found_where_they_are_possible(tmp_path: Path) -> None:
    sides = Sides(rows(1), [*rows(1), (None, b"x")])
    assert search(tmp_path, sides) == []
    assert search(tmp_path, sides, replace(TABLE, key_may_be_null=True)) == [(None,)]


@settings(max_examples=50, deadline=None)
@given(seen_keys=st.sets(st.integers(0, 2**64 - 1)), others=st.sets(st.integers(0, 2**64 - 1)), small=st.booleans())
def test_absent_hashes_are_those_that_no_file_holds(
    tmp_path_factory: pytest.TempPathFactory, seen_keys: set[int], others: set[int], small: bool
) -> None:
    directory = tmp_path_factory.mktemp("seen")
    both = sorted(seen_keys)[::2]
    for part in range(2):
        np.array(sorted(seen_keys)[part::2], np.uint64).tofile(directory / f"{part}.u64")
    with pytest.MonkeyPatch.context() as patch:
        if small:  # many buckets, and answers in parts
            patch.setattr(seen, "BUCKET_HASHES", 2)
            patch.setattr(seen, "BUFFERED_HASHES", 3)
            patch.setattr(seen, "ABSENT_AT_A_TIME", 2)
        arrays = [np.array(part, np.uint64) for part in (sorted(others), both)]
        found = [int(each) for array in absent_hashes(directory, arrays) for each in array]
    assert found == sorted(others - seen_keys)
