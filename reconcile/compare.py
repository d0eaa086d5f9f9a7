"""Compares rows of both sides. Pure: rows in, differences out.

`diff_row` alone says when rows differ. `compare_batch` asks it only about rows whose raw cells are not plainly equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.key_batch import KeyBatch, target_keys
from reconcile.model import Difference, Key, Kind
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.target import TargetRow
from reconcile.values import Comparison
from reconcile.values_postgres import UNIX_US

Row = tuple[Any, ...]


@dataclass(frozen=True)
class BatchResult:
    """What the comparison of a batch found."""

    matched_rows: int
    """Rows found on both sides, equal or not."""
    candidates: list[Difference]


def diff_row(plan: TablePlan, key: Key, source: Sequence[Any] | None, target: TargetRow | None) -> Difference | None:
    """Return how a row differs, None when both sides are equal or both have none.

    Args:
        source: raw values of the source's row, without its key.
        target: the target's row.
    """
    if source is None and target is None:
        return None
    if source is None:
        return Difference(key, Kind.INVALID_KEY if None in key else Kind.EXTRA, (), b"", fingerprint(target))
    if target is None:
        return Difference(key, Kind.MISSING, (), fingerprint(source), b"")
    columns = tuple(
        column.name
        for column, source_cell, target_cell in zip(plan.values, source, target.values, strict=True)
        if column.rule.canonical_source(source_cell) != column.rule.canonical_target(target_cell)
    )
    if not columns:
        return None
    return Difference(key, Kind.MISMATCH, columns, fingerprint(source), fingerprint(target))


def compare_rows(
    plan: TablePlan, source: Mapping[Key, Sequence[Any] | None], target: Mapping[Key, TargetRow | None]
) -> list[Difference]:
    """Return the differences among rows that were read by key from both sides."""
    found = (diff_row(plan, key, source.get(key), target.get(key)) for key in {**source, **target})
    return [difference for difference in found if difference]


def compare_batch(
    plan: TablePlan, keys: KeyBatch, source_rows: Sequence[Row], target_rows: Sequence[Row]
) -> BatchResult:
    """Compare raw rows of the source, key columns first, with the raw rows that the target has of these keys.

    Args:
        keys: of the source's rows.
        target_rows: in any order.
    """
    partners = _partners(plan, keys, target_rows)
    candidates: list[Difference] = []
    if None in partners:
        for row, partner in zip(source_rows, partners, strict=True):
            if partner is None:
                candidates += _as_list(diff_row(plan, plan.source_key(row), row[len(plan.key) :], None))
        pairs = [(row, partner) for row, partner in zip(source_rows, partners, strict=True) if partner is not None]
        source_rows, partners = [row for row, _ in pairs], [partner for _, partner in pairs]
    found: list[Row] = [partner for partner in partners if partner is not None]
    for index in sorted(_unequal(plan, source_rows, found)):
        row, values = source_rows[index], found[index][len(plan.key) :]
        candidates += _as_list(diff_row(plan, plan.source_key(row), row[len(plan.key) :], TargetRow(values)))
    return BatchResult(len(found), candidates)


def fingerprint(row: Sequence[Any] | TargetRow | None) -> bytes:
    """Return a digest that changes when the raw cells of a row change; empty for no row."""
    if row is None:
        return b""
    values = tuple(row.values if isinstance(row, TargetRow) else row)
    return hashlib.blake2b(repr(values).encode(), digest_size=16).digest()


def _partners(plan: TablePlan, keys: KeyBatch, target_rows: Sequence[Row]) -> Sequence[Row | None]:
    """For each key its row of the target, None where there is none."""
    found = target_keys(plan.key, target_rows)
    if found.cells == keys.cells:
        return target_rows  # PostgreSQL answers in the order of the question where all rows are there
    by_key = dict(zip(found.match, target_rows, strict=True))
    return list(map(by_key.get, keys.match))


def _unequal(plan: TablePlan, source_rows: Sequence[Row], target_rows: Sequence[Row]) -> set[int]:
    """Indexes of the pairs of rows whose cells are not plainly equal; the rows may be equal by the rules."""
    only_bytes = all(column.rule.comparison is Comparison.BYTES for column in plan.values)
    if not source_rows or (only_bytes and source_rows == target_rows):
        return set()
    unequal: set[int] = set()
    source_columns = list(zip(*source_rows, strict=True))[len(plan.key) :]
    target_columns = list(zip(*target_rows, strict=True))[len(plan.key) :]
    for column, ours, theirs in zip(plan.values, source_columns, target_columns, strict=True):
        unequal.update(_unequal_cells(column, ours, theirs))
    return unequal


def _unequal_cells(column: ColumnPlan, ours: Sequence[Any], theirs: Sequence[Any]) -> list[int]:
    if column.rule.comparison is Comparison.RULE:
        source, target = column.rule.canonical_source, column.rule.canonical_target
        return [index for index, (a, b) in enumerate(zip(ours, theirs, strict=True)) if source(a) != target(b)]
    if column.rule.comparison is Comparison.NUMBERS:
        ours = tuple([cell if cell is None else cell * 1000 - UNIX_US for cell in ours])
    if ours == theirs:
        return []
    return [index for index, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]


def _as_list(difference: Difference | None) -> list[Difference]:
    return [difference] if difference else []
