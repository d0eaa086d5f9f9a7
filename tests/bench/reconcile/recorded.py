"""What both databases answered during a full compare, to be worked through again without them.

Recorded are the messages of ScyllaDB as they leave the socket and the results of PostgreSQL as libpq holds them.
Working through them is everything that a worker does but waiting and reading sockets: the driver's decoding, cutting
into batches, keys, the arrays of the look-ups, psycopg's loading, the comparison, and the hashes of the keys seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import psycopg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq.abc import PGresult

from reconcile.key_batch import KeyBatch, source_keys
from reconcile.model import ScanOptions, TargetSettings, Unit
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.source_pages import Pager
from reconcile.source_protocol import RawProtocolHandler
from reconcile.target import TargetClient, lookup_query
from reconcile.target_keys import key_parameter

Row = tuple[Any, ...]
Message = tuple[Any, ...]
"""The arguments of the driver's `decode_message`."""


@dataclass
class Recording:
    """Answers by unit, each in the order in which they came."""

    units: list[Unit] = field(default_factory=list)
    rows: int = 0
    messages: dict[int, list[Message]] = field(default_factory=dict)
    """By the unit's lower bound."""
    results: list[PGresult] = field(default_factory=list)
    """In the order of the units."""


class _RecordingHandler(RawProtocolHandler):
    messages: ClassVar[list[Message]] = []

    @classmethod
    def decode_message(cls, *message: Any) -> Any:
        cls.messages.append(message)
        return super().decode_message(*message)


def record(
    source: SourceClient, target: TargetClient, plan: TablePlan, units: Sequence[Unit], most_rows: int
) -> Recording:
    """Read both sides of the units as a worker does, until there are so many rows, and keep what was answered."""
    options = ScanOptions()
    recording = Recording()
    session = source._raw_session
    handler, session.client_protocol_handler = session.client_protocol_handler, _RecordingHandler
    try:
        for unit in units:
            if recording.rows >= most_rows:
                break
            _RecordingHandler.messages = recording.messages[unit.low] = []
            recording.units.append(unit)
            for rows in source.scan(plan, unit.low, unit.high, options.page_rows, fetch_rows=options.fetch_rows):
                recording.results.append(_look_up(target, plan, rows))
                recording.rows += len(rows)
    finally:
        session.client_protocol_handler = handler
    return recording


def _look_up(target: TargetClient, plan: TablePlan, rows: list[Row]) -> PGresult:
    with target._reader.cursor(binary=True) as cursor:
        cursor.execute(lookup_query(plan), key_parameter(source_keys(plan.key, rows)))
        assert cursor.pgresult
        return cursor.pgresult


class RecordedSource:
    """ScyllaDB's side of a recording, through the real pager."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._waiting: Iterator[Message] = iter(())

    def scan(self, plan: TablePlan, low: int, high: int, page_rows: int, *, fetch_rows: int) -> Iterator[list[Row]]:
        """As `SourceClient.scan`."""
        self._waiting = iter(self._recording.messages[low])
        pager = Pager(self, plan, fetch_rows)  # type: ignore[arg-type] # it needs only what is here
        return pager.batches(low, high, page_rows, with_prefetch=True)

    def bind_piece(self, _plan: TablePlan, piece: Any) -> Any:
        """As `SourceClient.bind_piece`."""
        return piece

    def execute_raw(self, _statement: Any, _paging_state: bytes | None = None, _fetch_rows: int | None = None) -> Any:
        """As `SourceClient.execute_raw`; the next message is decoded when its result is asked for."""
        return SimpleNamespace(result=self._next_page)

    def _next_page(self) -> Any:
        decoded = RawProtocolHandler.decode_message(*next(self._waiting))
        return SimpleNamespace(paging_state=decoded.paging_state, current_rows=decoded.parsed_rows)


class RecordedTarget:
    """PostgreSQL's side of a recording, through psycopg's loading."""

    def __init__(self, recording: Recording, plan: TablePlan) -> None:
        self._results = iter(recording.results)
        context: Any = SimpleNamespace(adapters=AdaptersMap(psycopg.adapters), connection=None)
        TargetClient(TargetSettings(""))._read_raw(context, plan.columns)
        self._context = context

    def lookup(self, _plan: TablePlan, keys: KeyBatch) -> list[Row]:
        """As `TargetClient.lookup`."""
        key_parameter(keys)
        return load(self._context, next(self._results))


def load(context: Any, result: PGresult) -> list[Row]:
    """Return the rows of a result as `Cursor.fetchall` does."""
    transformer = Transformer(context)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)
