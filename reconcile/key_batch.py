"""Keys of many raw rows at a time: forms to match rows of both sides by, and 64-bit hashes to remember keys by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cassandra.metadata import murmur3

from reconcile.schema import ColumnPlan
from reconcile.values import Comparison
from reconcile.values_postgres import UNIX_US

Hashes = npt.NDArray[np.uint64]

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MASK: Final = 2**64 - 1


@dataclass(frozen=True)
class KeyBatch:
    """The keys of some rows, column by column, in a form that both sides share."""

    columns: tuple[ColumnPlan, ...]
    cells: tuple[Sequence[Any], ...]
    """For each column of the key, its cells: raw bytes, numbers, or canonical values, as the rule compares keys."""

    @property
    def match(self) -> Sequence[Any]:
        """One hashable object for each row; equal for equal keys of both sides."""
        return self.cells[0] if len(self.cells) == 1 else list(zip(*self.cells, strict=True))

    def hashes(self) -> Hashes:
        """Return a hash for each row: the same in every process, the same for equal keys of both sides."""
        combined: Hashes | None = None
        for column, cells in zip(self.columns, self.cells, strict=True):
            hashed = _hashes(column, cells)
            combined = hashed if combined is None else combined * _MIX + hashed
        return np.empty(0, np.uint64) if combined is None else combined


def source_keys(key: Sequence[ColumnPlan], rows: Sequence[Sequence[Any]]) -> KeyBatch:
    """Take the keys from raw rows of the source."""
    return KeyBatch(tuple(key), tuple(_from_source(column, cells) for column, cells in _columns(key, rows)))


def target_keys(key: Sequence[ColumnPlan], rows: Sequence[Sequence[Any]]) -> KeyBatch:
    """Take the keys from raw rows of the target."""
    return KeyBatch(tuple(key), tuple(_from_target(column, cells) for column, cells in _columns(key, rows)))


def _columns(key: Sequence[ColumnPlan], rows: Sequence[Sequence[Any]]) -> Iterable[tuple[ColumnPlan, Sequence[Any]]]:
    return [(column, [row[index] for row in rows]) for index, column in enumerate(key)]


def _from_source(column: ColumnPlan, cells: Sequence[Any]) -> Sequence[Any]:
    comparison = column.rule.key_comparison
    if comparison is Comparison.BYTES:
        return cells
    if comparison is Comparison.NUMBERS:
        return [None if cell is None else cell * 1000 - UNIX_US for cell in cells]
    return [column.rule.canonical_source(cell) for cell in cells]


def _from_target(column: ColumnPlan, cells: Sequence[Any]) -> Sequence[Any]:
    if column.rule.key_comparison is Comparison.RULE:
        return [column.rule.canonical_target(cell) for cell in cells]
    return cells


def _hashes(column: ColumnPlan, cells: Sequence[Any]) -> Hashes:
    comparison = column.rule.key_comparison
    if comparison is Comparison.NUMBERS:
        numbers = np.fromiter((cell & _MASK for cell in cells), np.uint64, len(cells))
        return (numbers ^ (numbers >> np.uint64(29))) * _MIX
    identities = cells if comparison is Comparison.BYTES else map(column.rule.identity, cells)
    return np.fromiter(map(murmur3, identities), np.int64, len(cells)).view(np.uint64)
