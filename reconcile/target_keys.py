"""Keys as array parameters for PostgreSQL: raw bytes of the source as they are where both sides have the same."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import pq
from psycopg.adapt import Dumper, PyFormat

from reconcile.key_batch import FIXED_BYTES, KeyBatch
from reconcile.model import Key
from reconcile.schema import ColumnPlan
from reconcile.values import Comparison
from reconcile.values_parameter import UnrepresentableError

_INT8: Final = struct.Struct(">q")
_FIRST_TIMESTAMP: Final = -211_813_488_000_000_000
"""4714-11-24 BC in microseconds since 2000, where PostgreSQL's timestamps begin."""
_END_TIMESTAMP: Final = 9_223_371_331_200_000_000


@dataclass(frozen=True)
class BinaryArray:
    """An array in PostgreSQL's binary format."""

    oid: int
    """Of the array's type."""
    data: bytes


class ArrayDumper(Dumper):
    """Hands a BinaryArray to PostgreSQL as it is."""

    format = pq.Format.BINARY

    def get_key(self, obj: BinaryArray, format: PyFormat) -> Any:  # noqa: A002, ARG002 the name is psycopg's
        """Tell arrays of different types apart."""
        return (self.cls, obj.oid)

    def upgrade(self, obj: BinaryArray, format: PyFormat) -> Dumper:  # noqa: A002, ARG002 the name is psycopg's
        """Return a dumper for arrays of the same type."""
        dumper = ArrayDumper(self.cls)
        dumper.oid = obj.oid
        return dumper

    def dump(self, obj: BinaryArray) -> bytes:
        """Return the array's bytes."""
        return obj.data


def key_parameter(keys: KeyBatch) -> list[Any]:
    """Return an array for each column of the key. Keys that PostgreSQL cannot hold are left out."""
    arrays = [_binary(column, cells) for column, cells in zip(keys.columns, keys.cells, strict=True)]
    return text_parameter(keys.columns, keys.canonical()) if None in arrays else arrays


def text_parameter(key: Sequence[ColumnPlan], keys: Sequence[Key]) -> list[list[str]]:
    """Return an array of texts for each column of the key, of canonical keys."""
    rows = []
    for each in keys:
        try:
            row = [column.rule.to_parameter(value) for column, value in zip(key, each, strict=True)]
        except UnrepresentableError:
            continue
        if None not in row:
            rows.append(row)
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in key]


def _binary(column: ColumnPlan, cells: Sequence[Any]) -> BinaryArray | None:
    """The cells as an array; None when some cell has to be looked at by itself."""
    comparison = column.rule.key_comparison
    if comparison is Comparison.RULE or None in cells:
        return None
    if comparison is Comparison.NUMBERS:
        if not _FIRST_TIMESTAMP <= min(cells) <= max(cells) < _END_TIMESTAMP:
            return None
        return _array(column, list(map(_INT8.pack, cells)), _INT8.size)
    size_bytes = FIXED_BYTES.get(column.rule.base_pg_type)
    if size_bytes is None and column.rule.base_pg_type != "bytea" and b"\0" in b"".join(cells):
        return None
    return None if size_bytes and b"" in cells else _array(column, cells, size_bytes)


def _array(column: ColumnPlan, cells: Sequence[bytes], size_bytes: int | None) -> BinaryArray:
    header = struct.pack(">iiIii", 1, 0, column.pg_oid, len(cells), 1)
    if size_bytes is None:
        body = b"".join([len(cell).to_bytes(4, "big") + cell for cell in cells])
    else:
        prefix = size_bytes.to_bytes(4, "big")
        body = prefix + prefix.join(cells)
    return BinaryArray(column.pg_array_oid, header + body)
