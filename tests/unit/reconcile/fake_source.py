"""Stand-ins for both databases in tests of what reads the CDC log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cassandra import InvalidRequest

from reconcile.model import Key, KeySpan, TableRef
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.target import TargetRow
from reconcile.types import postgres_column
from reconcile.values import rule_for
from reconcile.values_types import resolve

TABLE = TableRef("shop.orders", "public.orders")


def column(name: str, cql_type: str) -> ColumnPlan:
    """A column that the type map made on the other side."""
    pg_type = postgres_column(cql_type).type.replace("timestamptz", "timestamp with time zone")
    rule = rule_for(name, resolve(cql_type, name, lambda _: None), pg_type)
    assert rule
    return ColumnPlan(name, cql_type, pg_type, rule, 0, 0)


def table_plan(**changes: Any) -> TablePlan:
    """`orders (customer int, at timestamp, number int, note text, PRIMARY KEY (customer, at, number))` with CDC."""
    key = column("customer", "int"), column("at", "timestamp"), column("number", "int")
    plan = TablePlan(
        TABLE, key, ("customer",), (column("note", "text"),), (False, False), cdc_enabled=True, cdc_ttl_seconds=86_400
    )
    return replace(plan, **changes)


def stream(token: int, number: int = 0) -> bytes:
    """A stream id."""
    return token.to_bytes(8, signed=True) + number.to_bytes(8)


def moment(ms: int) -> datetime:
    """A time as the driver returns it: UTC without a zone."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).replace(tzinfo=None)


def time_id(ms: int, low_bits: int = 0) -> UUID:
    """A version 1 UUID of a time."""
    ticks = ms * 10_000 + 0x01B21DD213814000
    return UUID(fields=(ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF | 0x1000, 0x80, 0, low_bits))


class Rows(list[tuple[Any, ...]]):
    """A result of the driver."""

    def one(self) -> tuple[Any, ...] | None:
        """The first row."""
        return self[0] if self else None


@dataclass
class FakeSession:
    """Answers the statements that find streams and the age of a log."""

    vnodes: dict[int, list[tuple[int, set[bytes]]]] = field(default_factory=dict)
    """Generation (ms) -> ranges."""
    tablets: dict[int, list[bytes]] | None = None
    nodes: int = 1
    log_id: UUID | None = None
    """Id of the log table."""
    consistencies: set[int] = field(default_factory=set)

    @property
    def cluster(self) -> Any:
        """Metadata of the cluster."""
        return SimpleNamespace(metadata=SimpleNamespace(all_hosts=lambda: [object()] * self.nodes))

    def execute(self, statement: Any, parameters: Sequence[Any] | None = None) -> Rows:
        """Answer a statement."""
        query = getattr(statement, "query_string", statement)
        if "scylla_keyspaces" in query:
            if self.tablets is None:
                raise InvalidRequest("unconfigured table scylla_keyspaces")
            return Rows([(2,)])
        if "system_schema.tables" in query:
            assert parameters == ("shop", "orders_scylla_cdc_log")
            return Rows([(self.log_id,)] if self.log_id else [])
        if "system.cdc_timestamps" in query:
            return Rows([(moment(time),) for time in self.tablets or ()])
        if "system.cdc_streams" in query:
            assert parameters is not None
            assert tuple(parameters[:2]) == ("shop", "orders")
            return Rows([(each,) for each in (self.tablets or {})[parameters[2]]])
        self.consistencies.add(statement.consistency_level)
        if "cdc_generation_timestamps" in query:
            return Rows([(moment(time),) for time in self.vnodes])
        assert parameters is not None
        return Rows(list(self.vnodes[parameters[0]]))


@dataclass
class FakeSide:
    """Rows of one side by key; `reads` are the batches that were asked for."""

    rows: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    reads: list[list[Key]] = field(default_factory=list)
    spans: list[KeySpan] = field(default_factory=list)

    def read_span(self, _plan: TablePlan, span: KeySpan) -> Iterator[Key]:
        """Keys of a partition with a prefix; bounds are left to the real clients."""
        self.spans.append(span)
        fixed = (*span.partition, *span.prefix)
        yield from [key for key in self.rows if key[: len(fixed)] == fixed]


class FakeSource(FakeSide):
    """ScyllaDB's side."""

    session: FakeSession

    def read(self, _plan: TablePlan, keys: Sequence[Key]) -> dict[Key, tuple[Any, ...] | None]:
        """Rows by key."""
        self.reads.append(list(keys))
        return {key: self.rows.get(key) for key in keys}


class FakeTarget(FakeSide):
    """PostgreSQL's side."""

    def read(self, _plan: TablePlan, keys: Sequence[Key]) -> dict[Key, TargetRow]:
        """Rows by key."""
        self.reads.append(list(keys))
        return {key: TargetRow(self.rows[key]) for key in keys if key in self.rows}
