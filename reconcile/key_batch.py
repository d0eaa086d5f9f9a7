"""Keys of many raw rows at a time: forms to match rows of both sides by, and 64-bit hashes to remember keys by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cassandra.metadata import murmur3

from reconcile.model import Key
from reconcile.schema import ColumnPlan
from reconcile.values import Comparison
from reconcile.values_postgres import UNIX_US

Hashes = npt.NDArray[np.uint64]

FIXED_BYTES: Final = {"uuid": 16, "bigint": 8, "integer": 4, "smallint": 2}
"""Sizes of the PostgreSQL types whose bytes are those of ScyllaDB."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2: Final = np.uint64(0xC4CEB9FE1A85EC53)
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

    def canonical(self) -> list[Key]:
        """Return the canonical keys. Only of keys of the source."""
        return list(zip(*(map(_canonical(column), cells) for column, cells in self._pairs()), strict=True))

    def hashes(self) -> Hashes:
        """Return a hash for each row: the same in every process, the same for equal keys of both sides."""
        combined: Hashes | None = None
        for column, cells in self._pairs():
            hashed = _hashes(column, cells)
            combined = hashed if combined is None else combined * _MIX + hashed
        return np.empty(0, np.uint64) if combined is None else combined

    def _pairs(self) -> Iterable[tuple[ColumnPlan, Sequence[Any]]]:
        return zip(self.columns, self.cells, strict=True)


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


def _canonical(column: ColumnPlan) -> Callable[[Any], Any]:
    """The way back from a shared form."""
    if column.rule.key_comparison is Comparison.RULE:
        return lambda value: value
    if column.rule.key_comparison is Comparison.NUMBERS:
        return lambda number: None if number is None else number + UNIX_US
    return column.rule.canonical_source


def _hashes(column: ColumnPlan, cells: Sequence[Any]) -> Hashes:
    comparison = column.rule.key_comparison
    if comparison is Comparison.NUMBERS:
        return _mixed(np.fromiter((cell & _MASK for cell in cells), np.uint64, len(cells)))
    if comparison is Comparison.RULE:
        cells = list(map(column.rule.identity, cells))
    elif size_bytes := FIXED_BYTES.get(column.rule.base_pg_type):
        return _fixed_hashes(cells, size_bytes)
    return np.fromiter(map(murmur3, cells), np.int64, len(cells)).view(np.uint64)


def _fixed_hashes(cells: Sequence[bytes], size_bytes: int) -> Hashes:
    joined = b"".join(cells)
    if len(joined) != size_bytes * len(cells):  # empty values, which only the source can have
        joined = b"".join([cell.ljust(size_bytes, b"\0") for cell in cells])
    words = np.frombuffer(joined, f">u{min(size_bytes, 8)}").astype(np.uint64)
    if size_bytes == 16:
        return _mixed(_mixed(words[::2]) + words[1::2])
    return _mixed(words)


def _mixed(words: Hashes) -> Hashes:
    """Spread the bits of each word over all bits, as MurmurHash3 ends."""
    words = (words ^ (words >> np.uint64(33))) * _MIX_1
    words = (words ^ (words >> np.uint64(33))) * _MIX_2
    return words ^ (words >> np.uint64(33))
