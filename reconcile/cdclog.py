"""The CDC log of a table: its rows by stream and time, and what they say was changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any, Final, NamedTuple

from cassandra.cluster import ResponseFuture, ResultSet
from cassandra.metadata import protect_name
from cassandra.query import BoundStatement
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconcile.model import Key, KeySpan, TableRef
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.source_pages import ATTEMPTS, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, TRANSIENT, SourceReadError

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


def time_ms(time_id: bytes) -> int:
    """Milliseconds since 1970 of a version 1 UUID."""
    ticks = int.from_bytes(time_id[6:8]) & 0x0FFF  # without the version
    ticks = ticks << 48 | int.from_bytes(time_id[4:6]) << 32 | int.from_bytes(time_id[0:4])
    return (ticks - _GREGORIAN_EPOCH_100NS) // 10_000


def cdc_enabled_ms(source: SourceClient, table: TableRef) -> int | None:
    """When the log of a table began, in milliseconds since 1970: the id of its log table is a time id.

    None when there is no log, or its id is not a time id.
    """
    row = source.session.execute(
        "SELECT id FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s",
        (table.keyspace, table.table + LOG_SUFFIX),
    ).one()
    return time_ms(row[0].bytes) if row is not None and row[0].version == 1 else None


def log_table(table: TableRef) -> str:
    """The name of a table's log in CQL."""
    return f"{protect_name(table.keyspace)}.{protect_name(table.table + LOG_SUFFIX)}"


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
            yield Change(row.time_id, Operation(start.operation), None, span)
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


class LogReader:
    """Reads the log of one table.

    Raises:
        SourceReadError: the log could not be read at any attempt; names the table.
    """

    def __init__(self, source: SourceClient, plan: TablePlan) -> None:
        self._source = source
        self._plan = plan
        self._shape = KeyShape.of(plan)
        columns = ", ".join(protect_name(column.name) for column in plan.key)
        self._select = source.prepare(
            f'SELECT "cdc$time", "cdc$operation", "cdc$ttl", {columns} FROM {log_table(plan.ref)} '  # noqa: S608 quoted
            'WHERE "cdc$stream_id" = ? AND "cdc$time" >= minTimeuuid(?) AND "cdc$time" < minTimeuuid(?)'
            f"{source.options}"
        )

    def changes(self, streams: Sequence[bytes], low_ms: int, high_ms: int) -> Iterator[Iterator[Change]]:
        """Yield, for each stream, the changes with times in [low_ms, high_ms), oldest first.

        Each stream has to be read to its end before the next one is taken.
        """
        times = [bound.to_bytes(8, signed=True) for bound in (low_ms, high_ms)]
        ahead: deque[Pages] = deque()
        following = iter(streams)
        while True:
            while len(ahead) < STREAMS_AHEAD and (stream := next(following, None)) is not None:
                ahead.append(Pages(self._source, self._plan, self._select.bind([stream, *times])))
            if not ahead:
                return
            yield changes(self._shape, self._rows(ahead.popleft()))

    def _rows(self, pages: Pages) -> Iterator[LogRow]:
        for time_id, operation, ttl, *key in chain.from_iterable(pages):
            yield LogRow(time_id, operation[0], int.from_bytes(ttl) if ttl else None, self._plan.source_key(key))


class Pages:
    """The pages of one statement on the log. The first is on its way at once, each other one while its predecessor is
    used; what fails in passing is tried again."""

    def __init__(self, source: SourceClient, plan: TablePlan, statement: BoundStatement) -> None:
        self._source = source
        self._plan = plan
        self._statement = statement
        self._paging_state: bytes | None = None
        self._ahead: ResponseFuture | None = self._send()

    def __iter__(self) -> Iterator[list[tuple[Any, ...]]]:
        while True:
            page = self._page()
            self._paging_state = page.paging_state
            if self._paging_state is None:
                yield page.current_rows
                return
            self._ahead = self._send()
            yield page.current_rows

    def _send(self) -> ResponseFuture:
        return self._source.execute_raw(self._statement, self._paging_state, FETCH_ROWS)

    def _page(self) -> ResultSet:
        retrying = Retrying(
            retry=retry_if_exception_type(TRANSIENT),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            reraise=True,
        )
        try:
            return retrying(self._attempt)
        except TRANSIENT as error:
            raise SourceReadError(self._plan.ref.source, "the CDC log", error) from error

    def _attempt(self) -> ResultSet:
        sent, self._ahead = self._ahead or self._send(), None
        return sent.result()
