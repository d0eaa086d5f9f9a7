"""How far the pipeline has come: whether everything written before a moment has been applied, or was lost on its way.

The source connector stores how far it has read the CDC log (GET /connectors/<name>/offsets); idle tables move on with
its heartbeats. Once it is past the moment, the topic's end is taken, and once the sink has committed that, every
change from before the moment is in PostgreSQL or will never be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import httpx

from reconcile.connect import ANYBODY, ConnectAccess, connect_http, connector_path
from reconcile.errors import ConfigError
from reconcile.model import PipelineSettings, TableRef

CLOCK_MARGIN: Final = timedelta(seconds=1)
"""Clocks of writers, of ScyllaDB and of this machine may differ by this much."""
_EPOCH_TICKS: Final = 0x01B21DD213814000
"""100 ns between the epoch of time ids (1582) and that of Unix."""


class NotKnownError(Exception):
    """The pipeline's state cannot be told right now; the message says why."""


@dataclass(frozen=True)
class TopicRecord:
    """A record that the sink has not committed."""

    offset: int
    timestamp: datetime


class Topic(Protocol):
    """The Kafka topic of a table's changes."""

    def ends(self) -> dict[int, int]:
        """Return the offset behind the last record of each partition, of open transactions too."""
        ...

    def first_record(self, partition: int, offset: int | None, end: int) -> TopicRecord | None:
        """Return the first record at or behind `offset` (None: the oldest) and before `end`; None when there is none.

        Transactions leave markers that are never delivered, so a reader that has everything may stand before `end`.

        Raises:
            NotKnownError: reading did not come as far as `end`, for example because a transaction is open.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class Barrier(Protocol):
    """A moment that the pipeline has to pass."""

    def passed(self) -> bool:
        """Whether it has. Ask again later when not.

        Raises:
            NotKnownError: it cannot be told right now.
        """
        ...


class Watermark(Protocol):
    """How far the pipeline has come with one table."""

    waits_by: str
    """`offsets` or `time`."""

    def barrier(self, moment: datetime) -> Barrier:
        """Return the barrier of a moment."""
        ...

    def lag_seconds(self) -> float | None:
        """How far the pipeline is behind the clock; None when it cannot be told."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class TimeOnly:
    """No view of the pipeline: that a difference stood for some time has to be enough."""

    waits_by = "time"

    def barrier(self, moment: datetime) -> Barrier:
        """Every moment counts as passed."""
        del moment
        return _Open()

    def lag_seconds(self) -> float | None:
        """Not known."""
        return None

    def close(self) -> None:
        """Nothing is open."""


class _Open:
    def passed(self) -> bool:
        return True


def milliseconds(time_id: str) -> float:
    """Return the time in a version 1 UUID, as the connector stores it, in ms since 1970."""
    return (UUID(time_id).time - _EPOCH_TICKS) / 10_000


@dataclass(frozen=True)
class SourcePosition:
    """How far the source connector has read the log of a table."""

    generation_ms: int
    """Start of the newest generation of streams that it reads, ms since 1970."""
    window_start: datetime
    """Everything before it has been read and produced."""


def parse_source_offsets(answer: Mapping[str, Any], table: TableRef) -> SourcePosition:
    """Read the answer to GET /connectors/<source>/offsets.

    Old generations keep the offsets with which they ended, so only the newest one counts.

    Raises:
        NotKnownError: some part of the log has no offset yet.
    """
    generations: dict[int, dict[int, float]] = {}
    for entry in answer.get("offsets", ()):
        partition, offset = entry["partition"], entry.get("offset")
        if (partition.get("keyspace_name"), partition.get("table_name")) != (table.keyspace, table.table) or not offset:
            continue
        vnodes = generations.setdefault(int(partition["generation_start"]), {})
        vnodes[int(partition["vnode_id"])] = milliseconds(offset["window_start"])
    if not generations:
        raise NotKnownError(f"the source connector has stored no offsets for {table.source} yet")
    newest = max(generations)
    vnodes = generations[newest]
    if missing := set(range(max(vnodes) + 1)) - vnodes.keys():
        raise NotKnownError(f"the source connector has stored no offset for part {min(missing)} of {table.source} yet")
    return SourcePosition(newest, datetime.fromtimestamp(min(vnodes.values()) / 1000, UTC))


def parse_sink_offsets(answer: Mapping[str, Any], topic: str) -> dict[int, int]:
    """Read the answer to GET /connectors/<sink>/offsets: next offset by partition of the topic."""
    return {
        int(entry["partition"]["kafka_partition"]): int(entry["offset"]["kafka_offset"])
        for entry in answer.get("offsets", ())
        if entry["partition"].get("kafka_topic") == topic and entry.get("offset")
    }


class Connect:
    """The part of Kafka Connect's REST API that tells offsets."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None, access: ConnectAccess = ANYBODY) -> None:
        self._http = connect_http(url, transport, access)

    def offsets(self, connector: str) -> Mapping[str, Any]:
        """GET /connectors/{connector}/offsets.

        Raises:
            NotKnownError: Connect does not answer, or is busy with a rebalance.
            ConfigError: it has no such connector, or is older than 3.5.
        """
        try:
            response = self._http.get(connector_path(connector, "offsets"))
        except httpx.TransportError as error:
            raise NotKnownError(f"Kafka Connect does not answer ({type(error).__name__})") from error
        if response.status_code == httpx.codes.NOT_FOUND and response.content:
            raise ConfigError(
                f"Kafka Connect knows no offsets of connector {connector}: correct pipeline.source_connector and "
                "pipeline.sink_connector, or leave out pipeline.connect_url with workers older than Kafka 3.5"
            )
        if response.is_error:
            raise NotKnownError(f"Kafka Connect answered {response.status_code}")
        offsets: Mapping[str, Any] = response.json()
        return offsets

    def close(self) -> None:
        """Close connections."""
        self._http.close()


@dataclass
class Offsets:
    """The pipeline's offsets, from Kafka Connect and Kafka."""

    connect: Connect
    topic: Topic
    table: TableRef
    source_connector: str
    sink_connector: str
    newest_generation: Callable[[datetime], int | None] = lambda _: None
    """Start of the newest generation of CDC streams that began before a moment, ms since 1970: until the connector
    reads that one, its offsets say nothing about the moment. None when there is nothing to compare with."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    waits_by: str = field(default="offsets", init=False)

    def source_position(self) -> SourcePosition:
        """How far the source connector has read."""
        return parse_source_offsets(self.connect.offsets(self.source_connector), self.table)

    def sink_offsets(self) -> dict[int, int]:
        """What the sink has committed."""
        assert self.table.topic is not None  # noqa: S101 `open_watermark` has seen to it
        return parse_sink_offsets(self.connect.offsets(self.sink_connector), self.table.topic)

    def oldest_waiting(self, ends: Mapping[int, int]) -> TopicRecord | None:
        """Return the oldest record before `ends` that the sink has not committed; None when it has them all."""
        committed = self.sink_offsets()
        behind = {p: end for p, end in ends.items() if committed.get(p, -1) < end}
        waiting = [self.topic.first_record(p, committed.get(p), end) for p, end in behind.items()]
        return min((record for record in waiting if record), key=lambda record: record.timestamp, default=None)

    def barrier(self, moment: datetime) -> Barrier:
        """Return the barrier of a moment."""
        return _OffsetBarrier(self, moment + CLOCK_MARGIN)

    def lag_seconds(self) -> float | None:
        """The larger one of how far the source connector and the sink are behind the clock."""
        try:
            reached = self.source_position().window_start
            waiting = self.oldest_waiting(self.topic.ends())
        except NotKnownError:
            return None
        if waiting:
            reached = min(reached, waiting.timestamp)
        return max((self.now() - reached).total_seconds(), 0.0)

    def close(self) -> None:
        """Close connections."""
        self.connect.close()
        self.topic.close()


class _OffsetBarrier:
    def __init__(self, offsets: Offsets, moment: datetime) -> None:
        self._offsets = offsets
        self._moment = moment
        self._ends: dict[int, int] | None = None

    def passed(self) -> bool:
        if self._ends is None:
            if not self._source_passed():
                return False
            self._ends = self._offsets.topic.ends()
        return self._offsets.oldest_waiting(self._ends) is None

    def _source_passed(self) -> bool:
        position = self._offsets.source_position()
        if position.window_start < self._moment:
            return False
        generation = self._offsets.newest_generation(self._moment)
        return generation is None or position.generation_ms >= generation


def open_watermark(
    settings: PipelineSettings,
    table: TableRef,
    open_topic: Callable[[str, str], Topic],
    newest_generation: Callable[[datetime], int | None] = lambda _: None,
    transport: httpx.BaseTransport | None = None,
) -> Watermark:
    """Return the most exact watermark that the settings allow. `open_topic` takes bootstrap servers and topic."""
    connect_url, source, sink = settings.connect_url, settings.source_connector, settings.sink_connector
    servers, topic = settings.kafka_bootstrap_servers, table.topic
    if not (connect_url and source and sink and servers and topic):
        return TimeOnly()
    connect = Connect(connect_url, transport, ConnectAccess.of(settings))
    return Offsets(connect, open_topic(servers, topic), table, source, sink, newest_generation)
