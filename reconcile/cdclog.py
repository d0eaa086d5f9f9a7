"""The CDC log of a table: its rows by stream and time, and what they say was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from reconcile.model import Key, KeySpan

LOG_SUFFIX: Final = "_scylla_cdc_log"
FETCH_ROWS: Final = 2_000
STREAMS_AHEAD: Final = 8
"""Streams whose first page is asked for before it is needed: most are empty, and each costs a round trip."""

# Types that sort in PostgreSQL as they do in ScyllaDB, so that a bound on one of them means the same on both sides.
_ORDERED_TYPES: Final = frozenset({"tinyint", "smallint", "int", "bigint", "timestamp", "date", "time"})
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

    time_ms: int
    """`cdc$time`, which is the timestamp of the write: milliseconds since 1970."""
    operation: int
    ttl_seconds: int | None
    key: Key
    """Canonical; clustering columns are None where the change names none: static columns, partitions, open ranges."""


class Change(NamedTuple):
    """What one change touched."""

    time_ms: int
    operation: Operation
    """The start of a range stands for the range."""
    ttl_seconds: int | None
    target: Key | KeySpan
    """The row, or the rows of a span."""


def time_ms(time_id: UUID) -> int:
    """Milliseconds since 1970 of a version 1 UUID."""
    return (time_id.time - _GREGORIAN_EPOCH_100NS) // 10_000


@dataclass(frozen=True)
class KeyShape:
    """What is needed of a table to tell which rows a delete covers."""

    partition_columns: int
    clustering_types: tuple[str, ...] = ()
    clustering_reversed: tuple[bool, ...] = ()
    """True for columns that are sorted descending."""

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
            yield Change(row.time_ms, Operation(start.operation), None, span)
            start = None
        elif row.operation in RANGE_ENDS or None in row.key:
            yield _whole_partition(shape, row)
        else:
            yield Change(row.time_ms, Operation(row.operation), row.ttl_seconds, row.key)
    if start is not None:
        yield _whole_partition(shape, start)


def _closes(shape: KeyShape, start: LogRow, row: LogRow) -> bool:
    same = start.time_ms == row.time_ms and shape.partition(start.key) == shape.partition(row.key)
    return same and row.operation in RANGE_ENDS


def _whole_partition(shape: KeyShape, row: LogRow) -> Change:
    return Change(row.time_ms, Operation(row.operation), row.ttl_seconds, KeySpan(shape.partition(row.key)))
