"""Rows of both sides, compared without databases."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

from cassandra.cqltypes import DecimalType

from reconcile.compare import compare_batch, compare_rows, diff_row, fingerprint
from reconcile.key_batch import source_keys
from reconcile.model import Kind
from reconcile.target import TargetRow
from tests.unit.reconcile.plans import column, plan

US_2000 = 946_684_800_000_000
TABLE = plan(
    column("id", "int"),
    column("at", "timestamp"),
    values=(column("name", "text"), column("score", "double"), column("seen", "timestamp")),
    partition_columns=1,
)


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def double(value: float) -> bytes:
    return struct.pack(">d", value)


def source_row(key: int, name: bytes | None = b"a", score: float = 1.0, seen: int | None = 5) -> tuple[Any, ...]:
    return (number(key), key * 10, name, double(score), seen)


def target_row(key: int, name: bytes | None = b"a", score: float = 1.0, seen: int | None = 5) -> tuple[Any, ...]:
    seen_us = None if seen is None else seen * 1000 - US_2000
    return (number(key), key * 10_000 - US_2000, name, double(score), seen_us)


def compare(source: list[tuple[Any, ...]], target: list[tuple[Any, ...]]) -> Any:
    return compare_batch(TABLE, source_keys(TABLE.key, source), source, target)


def test_equal_rows_in_another_order_match() -> None:
    result = compare([source_row(key) for key in range(100)], [target_row(key) for key in reversed(range(100))])
    assert result.matched_rows == 100
    assert result.candidates == []


def test_rows_in_the_order_of_the_keys_are_compared_cell_by_cell_too() -> None:
    source = [source_row(key) for key in range(100)]
    assert compare(source, [target_row(key) for key in range(100)]).candidates == []
    changed = [target_row(key, score=2.0 if key == 70 else 1.0) for key in range(100)]
    assert [(each.key[0], each.columns) for each in compare(source, changed).candidates] == [(70, ("score",))]


def test_cells_that_are_the_same_bytes_but_not_the_same_value_differ() -> None:
    same = {"at": 5, "day": number(11_000), "text": b"1234"}
    table = plan(
        column("id", "int"),
        values=(column("at", "timestamp"), column("day", "date"), column("text", "int", "text")),
    )
    rows = [(number(1), *same.values())]
    (found,) = compare_batch(table, source_keys(table.key, rows), rows, rows).candidates
    assert (found.kind, found.columns) == (Kind.MISMATCH, ("at", "day", "text"))


def test_rows_of_bytes_only_are_compared_as_a_whole_first() -> None:
    table = plan(column("id", "int"), values=(column("name", "text"), column("score", "double")))
    rows = [(number(key), b"a", double(key)) for key in range(10)]
    keys = source_keys(table.key, rows)
    assert compare_batch(table, keys, rows, list(rows)).candidates == []
    changed = [*rows[:9], (number(9), None, double(9))]
    assert [each.columns for each in compare_batch(table, keys, rows, changed).candidates] == [("name",)]


def test_a_row_that_only_the_source_has_is_missing() -> None:
    result = compare([source_row(1), source_row(2), source_row(3)], [target_row(3), target_row(1)])
    assert result.matched_rows == 2
    (missing,) = result.candidates
    assert (missing.kind, missing.key) == (Kind.MISSING, (2, 20_000))
    assert missing.source_fingerprint
    assert not missing.target_fingerprint


def test_each_column_that_differs_is_named() -> None:
    result = compare(
        [source_row(1), source_row(2), source_row(3)],
        [target_row(1, name=b"b"), target_row(2, score=2.0, seen=6), target_row(3)],
    )
    assert [(each.kind, each.key[0], each.columns) for each in result.candidates] == [
        (Kind.MISMATCH, 1, ("name",)),
        (Kind.MISMATCH, 2, ("score", "seen")),
    ]


def test_null_on_one_side_differs_and_on_both_does_not() -> None:
    result = compare(
        [source_row(1, name=None, seen=None), source_row(2, seen=None), source_row(3)],
        [target_row(1, name=None, seen=None), target_row(2), target_row(3, seen=None)],
    )
    assert [(each.key[0], each.columns) for each in result.candidates] == [(2, ("seen",)), (3, ("seen",))]


def test_bytes_that_differ_but_mean_the_same_are_no_difference() -> None:
    assert compare([source_row(1, score=-0.0)], [target_row(1, score=0.0)]).candidates == []


def test_rows_of_neither_side_are_no_difference() -> None:
    assert compare([], []).candidates == []
    assert diff_row(TABLE, (1, 10_000), None, None) is None


def test_a_row_that_only_the_target_has_is_extra() -> None:
    values = target_row(1)[2:]
    extra = diff_row(TABLE, (1, 10_000), None, TargetRow(values))
    assert extra
    assert extra.kind is Kind.EXTRA
    invalid = diff_row(TABLE, (1, None), None, TargetRow(values))
    assert invalid
    assert invalid.kind is Kind.INVALID_KEY


def test_rows_read_by_key_are_compared_in_both_directions() -> None:
    found = compare_rows(
        TABLE,
        {(1, 10_000): source_row(1)[2:], (2, 20_000): None, (4, 40_000): source_row(4)[2:]},
        {(1, 10_000): TargetRow(target_row(1)[2:]), (2, 20_000): TargetRow(target_row(2)[2:]), (4, 40_000): None},
    )
    assert [(each.key[0], each.kind) for each in found] == [(2, Kind.EXTRA), (4, Kind.MISSING)]


def test_keys_are_matched_by_value_where_bytes_differ() -> None:
    table = plan(column("id", "decimal"))
    (loaded,) = (table.key[0].rule.canonical_source(bytes(DecimalType.serialize(Decimal("1.50"), 4))),)
    rows = [(bytes(DecimalType.serialize(Decimal("1.5"), 4)),)]
    numeric = struct.pack(">hhhh", 2, 0, 0, 2) + struct.pack(">hh", 1, 5000)  # 1.50
    assert table.target_key((numeric,)) == (loaded,)
    assert compare_batch(table, source_keys(table.key, rows), rows, [(numeric,)]).candidates == []


def test_a_row_with_nothing_but_its_key_matches() -> None:
    table = plan(column("id", "int"))
    rows = [(number(1),)]
    result = compare_batch(table, source_keys(table.key, rows), rows, [(number(1),)])
    assert (result.matched_rows, result.candidates) == (1, [])


def test_a_fingerprint_follows_the_content() -> None:
    assert fingerprint((b"a", 1)) == fingerprint(TargetRow((b"a", 1), xmin="7"))
    assert fingerprint((b"a", 1)) != fingerprint((b"a", 2))
    assert fingerprint(None) == b""
