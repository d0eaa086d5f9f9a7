"""Reads token ranges page by page, ahead of their use, through timeouts and over wide rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout, Unavailable
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconcile.errors import ReconcileError
from reconcile.prefetch import prefetched
from reconcile.source_pieces import Piece, TokenRange, remaining
from reconcile.source_protocol import RawRows

if TYPE_CHECKING:
    from reconcile.schema import TablePlan
    from reconcile.source import SourceClient

Row = tuple[Any, ...]

ATTEMPTS: Final = 4
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 10.0
PAGES_AHEAD: Final = 4
PAGE_BYTES: Final = 1024 * 1024
"""As ScyllaDB cuts its pages; other servers would send any number of bytes."""
FIRST_PAGE_ROWS: Final = 500
"""Until the size of the table's rows is known."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""A batch ends here even if it has fewer rows than asked for."""
TRANSIENT: Final = (
    ReadTimeout, ReadFailure, Unavailable, OperationTimedOut, NoHostAvailable, ConnectionException, ErrorMessage,
)  # fmt: skip

_log = logging.getLogger(__name__)


class SourceReadError(ReconcileError):
    """ScyllaDB did not answer a read at any attempt. Names the table, what was read and the last error."""


def read_error(table: str, what: str, error: BaseException | None) -> SourceReadError:
    """Return the error for a read that failed at each attempt."""
    return SourceReadError(
        f"{table}: cannot read {what}: {type(error).__name__}: {error}; look at the nodes' load and at "
        "`nodetool status`, then run again with --resume"
    )


class Pager:
    """Reads token ranges of one table."""

    def __init__(self, source: SourceClient, plan: TablePlan, fetch_rows: int) -> None:
        self._source = source
        self._plan = plan
        self._most_fetch_rows = fetch_rows
        self._fetch_rows = min(fetch_rows, FIRST_PAGE_ROWS)

    def batches(self, low: int, high: int, page_rows: int, *, with_prefetch: bool) -> Iterator[list[Row]]:
        """Yield the rows with tokens in (low, high] in batches. Raises SourceReadError."""
        pages: Iterator[RawRows] = self._ranges(low, high)
        if with_prefetch:
            pages = prefetched(pages, PAGES_AHEAD)
        batch: list[Row] = []
        size_bytes = 0
        for page in pages:
            batch.extend(page)
            size_bytes += page.size_bytes
            while len(batch) >= page_rows:
                yield batch[:page_rows]
                batch = batch[page_rows:]
                size_bytes = page.size_bytes * len(batch) // max(1, len(page))
            if size_bytes >= BATCH_BYTES:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch

    def _ranges(self, low: int, high: int) -> Iterator[RawRows]:
        """Pages of a range. Where reading fails for good, what is left is read in smaller pieces."""
        waiting: list[Piece] = [TokenRange(low, high)]
        while waiting:
            piece, last = waiting.pop(), None
            try:
                for page in self._pages(piece):
                    last = page[-1]
                    yield page
            except SourceReadError as error:
                smaller = remaining(self._plan, piece, last)
                if not smaller:
                    raise
                _log.warning("reading in smaller pieces: %s", error)
                waiting += reversed(smaller)

    def _pages(self, piece: Piece) -> Iterator[RawRows]:
        statement = self._source.bind_piece(self._plan, piece)
        paging_state: bytes | None = None
        while True:
            result = self._page(statement, paging_state, str(piece))
            paging_state = result.paging_state
            rows: RawRows = result.current_rows
            if rows:
                self._fetch_rows = self._rows_for_a_page(rows)
                yield rows
            if paging_state is None:
                return

    def _page(self, statement: Any, paging_state: bytes | None, what: str) -> Any:
        def smaller(state: RetryCallState) -> None:
            self._fetch_rows = max(1, self._fetch_rows // 2)
            error = state.outcome.exception() if state.outcome else None
            _log.warning("%s: reading %s failed, trying again: %s", self._plan.ref.source, what, error)

        retrying = Retrying(
            retry=retry_if_exception_type(TRANSIENT),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            before_sleep=smaller,
            reraise=True,
        )
        try:
            return retrying(lambda: self._source.execute_raw(statement, paging_state, self._fetch_rows).result())
        except TRANSIENT as error:
            raise read_error(self._plan.ref.source, what, error) from error

    def _rows_for_a_page(self, rows: RawRows) -> int:
        row_bytes = max(1, rows.size_bytes // len(rows))
        return max(1, min(self._most_fetch_rows, PAGE_BYTES // row_bytes))
