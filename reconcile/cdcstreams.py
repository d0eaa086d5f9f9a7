"""Which streams of the CDC log hold the changes of a time, and of a token.

ScyllaDB spreads a log over streams and replaces all of them when its topology changes; the streams of one such
period are a generation. A write goes to the generation that its timestamp falls into.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.query import SimpleStatement

from reconcile.errors import ConfigError
from reconcile.model import TableRef

_TOKEN_BYTES = 8


@dataclass(frozen=True)
class Generation:
    """The streams of one period."""

    start_ms: int
    """First millisecond since 1970 that it is in force."""
    end_ms: int | None
    """The first one after it; None while it is in force."""
    ranges: tuple[tuple[int, tuple[bytes, ...]], ...]
    """Last token of each range, ascending, with the streams (one per shard) of its partitions."""

    @property
    def streams(self) -> tuple[bytes, ...]:
        """All streams, in a stable order."""
        return tuple(stream for _, streams in self.ranges for stream in streams)

    def streams_of(self, token: int) -> tuple[bytes, ...]:
        """The streams that may hold the changes of a partition with this token."""
        if not self.ranges:
            return ()
        position = bisect_left(self.ranges, token, key=lambda entry: entry[0])
        return self.ranges[position % len(self.ranges)][1]  # past the last range the ring begins again


def generations(session: Any, table: TableRef, since_ms: int, until_ms: int) -> list[Generation]:
    """The generations that overlap [since_ms, until_ms), oldest first, with the one in force at `since_ms`.

    Raises ConfigError when the cluster does not publish their streams.
    """
    reader = _reader(session, table)
    starts = sorted(reader.starts_ms())
    ends: list[int | None] = [*starts[1:], None]
    found = [
        Generation(start, end, reader.ranges(start))
        for start, end in zip(starts, ends, strict=False)
        if start < until_ms and (end is None or end > since_ms)
    ]
    if not found or not all(generation.ranges for generation in found):
        raise ConfigError(
            f"{table.source}: the cluster does not publish the CDC streams of the time asked for, so the log cannot be "
            "read; compare everything instead: --mode full"
        )
    return found


def newest_start_ms(session: Any, table: TableRef, before_ms: int) -> int | None:
    """Start of the newest generation that began before a moment, both in ms since 1970; None when there is none."""
    return max((start for start in _reader(session, table).starts_ms() if start < before_ms), default=None)


def _reader(session: Any, table: TableRef) -> _TabletStreams | _VnodeStreams:
    return _TabletStreams(session, table) if _uses_tablets(session, table) else _VnodeStreams(session)


def _uses_tablets(session: Any, table: TableRef) -> bool:
    try:
        row = session.execute(
            "SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = %s", (table.keyspace,)
        ).one()
    except InvalidRequest:
        return False  # a server from before tablets, or not ScyllaDB
    return row is not None and row[0] is not None


class _VnodeStreams:
    """Generations of the whole cluster."""

    def __init__(self, session: Any) -> None:
        self._session = session
        hosts = session.cluster.metadata.all_hosts()
        # One node cannot answer a quorum of the three replicas that this keyspace asks for.
        self._consistency = ConsistencyLevel.ONE if len(hosts) == 1 else ConsistencyLevel.QUORUM

    def starts_ms(self) -> list[int]:
        return [
            _milliseconds(row[0])
            for row in self._rows(
                "SELECT time FROM system_distributed.cdc_generation_timestamps WHERE key = 'timestamps'"
            )
        ]

    def ranges(self, start_ms: int) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
        rows = self._rows(
            "SELECT range_end, streams FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = %s", start_ms
        )
        return tuple(sorted((row[0], tuple(sorted(row[1]))) for row in rows))

    def _rows(self, query: str, *parameters: int) -> Iterable[Any]:
        statement = SimpleStatement(query, consistency_level=self._consistency, is_idempotent=True)
        rows: Iterable[Any] = self._session.execute(statement, parameters or None)
        return rows


class _TabletStreams:
    """Generations of one table; each stream serves one tablet, whose last token is the first half of its id."""

    def __init__(self, session: Any, table: TableRef) -> None:
        self._session = session
        self._name = (table.keyspace, table.table)

    def starts_ms(self) -> list[int]:
        rows = self._session.execute(
            "SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = %s AND table_name = %s", self._name
        )
        return [_milliseconds(row[0]) for row in rows]

    def ranges(self, start_ms: int) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
        rows = self._session.execute(
            "SELECT stream_id FROM system.cdc_streams "
            "WHERE keyspace_name = %s AND table_name = %s AND timestamp = %s AND stream_state = 0",
            (*self._name, start_ms),
        )
        return tuple(sorted((int.from_bytes(row[0][:_TOKEN_BYTES], signed=True), (row[0],)) for row in rows))


def _milliseconds(timestamp: datetime | int) -> int:
    """The driver gives a datetime without a zone, which is UTC; or the number itself when it decodes raw."""
    if isinstance(timestamp, int):
        return timestamp
    return round(timestamp.replace(tzinfo=UTC).timestamp() * 1000)
