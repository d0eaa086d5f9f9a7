"""What the rows of a CDC log say was changed. Pure: log rows in, changes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from reconcile.model import Key, KeySpan
from reconcile.schema import TablePlan

# Types that sort in PostgreSQL as they do in ScyllaDB, so that a bound on one of them means the same on both sides.
_ORDERED_TYPES: Final = frozenset({"tinyint", "smallint", "int", "bigint", "timestamp", "date", "time"})
_SORTED_TYPES: Final = _ORDERED_TYPES | {"text", "ascii", "blob", "boolean", "varint", "decimal", "timeuuid"}
"""Types whose canonical values sort as ScyllaDB sorts them."""
_GREGORIAN_EPOCH_100NS: Final = 0x01B21DD213814000
"""1970 in the clock of a time id, which counts 100 ns since 1582."""


class Operation(IntEnum):
    """Values of `cdc$operation`."""

    PRE_IMAGE = 0
    UPDATE = 1
    INSERT = 2
    ROW_DELETE = 3
    PARTITION_DELETE = 4
    RANGE_START_INCLUSIVE = 5
    RANGE_START_EXCLUSIVE = 6
    RANGE_END_INCLUSIVE = 7
    RANGE_END_EXCLUSIVE = 8
    POST_IMAGE = 9


IMAGES: Final = frozenset({Operation.PRE_IMAGE, Operation.POST_IMAGE})
RANGE_STARTS: Final = frozenset({Operation.RANGE_START_INCLUSIVE, Operation.RANGE_START_EXCLUSIVE})
RANGE_ENDS: Final = frozenset({Operation.RANGE_END_INCLUSIVE, Operation.RANGE_END_EXCLUSIVE})


class LogRow(NamedTuple):
    """One row of the log, without images of values."""

    time_id: bytes
    """`cdc$time`, whose time is the timestamp of the write."""
    operation: int
    ttl_seconds: int | None
    key: Key
    """Canonical; clustering columns are None where the change names none: static columns, partitions, open ranges."""


class Change(NamedTuple):
    """What one change touched."""

    time_id: bytes
    operation: Operation
    """The start of a range stands for the range."""
    ttl_seconds: int | None
    rows: Key | KeySpan
    """One row by its key, or those of a span."""
    bounds: tuple[LogRow, LogRow] | None = None
    """Start and end of a range delete, in clustering order."""

    @property
    def deletes_span(self) -> bool:
        """Whether it deletes rows that it does not name, which the connector does not deliver."""
        return isinstance(self.rows, KeySpan) and self.operation >= Operation.PARTITION_DELETE


def time_ms(time_id: bytes) -> int:
    """Milliseconds since 1970 of a version 1 UUID."""
    ticks = int.from_bytes(time_id[6:8]) & 0x0FFF  # without the version
    ticks = ticks << 48 | int.from_bytes(time_id[4:6]) << 32 | int.from_bytes(time_id[0:4])
    return (ticks - _GREGORIAN_EPOCH_100NS) // 10_000


@dataclass(frozen=True)
class KeyShape:
    """What is needed of a table to tell which rows a delete covers."""

    partition_columns: int
    clustering_types: tuple[str, ...] = ()
    clustering_reversed: tuple[bool, ...] = ()
    """True for columns that are sorted descending."""

    @staticmethod
    def of(plan: TablePlan) -> KeyShape:
        """The shape of a table's key."""
        types = tuple(column.cql_type for column in plan.clustering_key)
        return KeyShape(len(plan.partition_key), types, plan.clustering_reversed)

    def partition(self, key: Key) -> Key:
        """The partition of a key."""
        return key[: self.partition_columns]

    def bound(self, key: Key) -> Key:
        """The clustering columns that a log row names."""
        named = key[self.partition_columns :]
        return named[: next((index for index, value in enumerate(named) if value is None), len(named))]

    def span(self, start: Key, end: Key) -> KeySpan:
        """The rows between two bounds, which are in clustering order; perhaps a few more."""
        low, high = self.bound(start), self.bound(end)
        depth = 0
        while depth < min(len(low), len(high)) and low[depth] == high[depth]:
            depth += 1
        prefix = low[:depth]
        first, last = low[depth : depth + 1], high[depth : depth + 1]
        if depth == len(self.clustering_types) or self.clustering_types[depth] not in _ORDERED_TYPES:
            return KeySpan(self.partition(start), prefix)
        if self.clustering_reversed[depth]:
            first, last = last, first
        return KeySpan(self.partition(start), prefix, first[0] if first else None, last[0] if last else None)

    def covers(self, change: Change, key: Key) -> bool:
        """Whether a change touched a row; assumed of a range of the right prefix in a type without an order here."""
        if not isinstance(change.rows, KeySpan):
            return change.rows == key
        if change.rows.partition != self.partition(key):
            return False
        if change.bounds is None:
            return True
        start, end = change.bounds
        after_start, before_end = self._side(start, key), self._side(end, key)
        return (
            (after_start > 0 or (after_start == 0 and start.operation == Operation.RANGE_START_INCLUSIVE))
            and (before_end < 0 or (before_end == 0 and end.operation == Operation.RANGE_END_INCLUSIVE))
        )  # fmt: skip

    def _side(self, bound: LogRow, key: Key) -> int:
        """Where a row lies: -1 before the bound, 1 after it, 0 at it, in clustering order."""
        row = key[self.partition_columns :]
        for value, limit, cql_type, descending in zip(
            row, self.bound(bound.key), self.clustering_types, self.clustering_reversed, strict=False
        ):
            if value != limit:
                is_start = bound.operation in RANGE_STARTS
                if cql_type not in _SORTED_TYPES:
                    return 1 if is_start else -1
                greater = value.time > limit.time if cql_type == "timeuuid" else value > limit
                return 1 if greater != descending else -1
        return 0


def changes(shape: KeyShape, rows: Iterable[LogRow]) -> Iterator[Change]:
    """What the rows of one stream, in their order, touched. Images are skipped.

    A write whose clustering key is not given is one of static columns: it touches the whole partition. So does half
    a range, which a log should never hold.
    """
    start: LogRow | None = None
    for row in rows:
        if start is not None and not _closes(shape, start, row):
            yield _whole_partition(shape, start)
            start = None
        if row.operation in IMAGES:
            continue
        if row.operation in RANGE_STARTS:
            start = row
        elif row.operation in RANGE_ENDS and start is not None:
            span = shape.span(start.key, row.key)
            yield Change(row.time_id, Operation(start.operation), None, span, (start, row))
            start = None
        elif row.operation in RANGE_ENDS or None in row.key:
            yield _whole_partition(shape, row)
        else:
            yield Change(row.time_id, Operation(row.operation), row.ttl_seconds, row.key)
    if start is not None:
        yield _whole_partition(shape, start)


def _closes(shape: KeyShape, start: LogRow, row: LogRow) -> bool:
    same = start.time_id == row.time_id and shape.partition(start.key) == shape.partition(row.key)
    return same and row.operation in RANGE_ENDS


def _whole_partition(shape: KeyShape, row: LogRow) -> Change:
    return Change(row.time_id, Operation(row.operation), row.ttl_seconds, KeySpan(shape.partition(row.key)))
