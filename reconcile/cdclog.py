"""Reads the CDC log of a table by stream and time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from cassandra.cluster import ResponseFuture, ResultSet
from cassandra.metadata import protect_name
from cassandra.query import BoundStatement
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconcile.log_changes import Change, KeyShape, LogRow, changes, time_ms
from reconcile.model import TableRef
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.source_pages import ATTEMPTS, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, TRANSIENT, SourceReadError

LOG_SUFFIX: Final = "_scylla_cdc_log"
FETCH_ROWS: Final = 2_000
STREAMS_AHEAD: Final = 8
"""Streams whose first page is asked for before it is needed: most are empty, and each costs a round trip."""


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
