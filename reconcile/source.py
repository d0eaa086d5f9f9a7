"""Reads rows of ScyllaDB: by token range, by key, and by part of a partition. Cells are raw, see `source_protocol`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Final, Self

from cassandra.cluster import ResponseFuture, Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import TableMetadata, protect_name
from cassandra.query import BoundStatement, PreparedStatement

from reconcile.errors import ConfigError
from reconcile.model import Key, KeySpan, SourceSettings, TableRef
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.source_pages import Pager, Row, read_error
from reconcile.source_pieces import Piece, piece_clause
from reconcile.source_protocol import bind_and_read_raw
from reconcile.source_session import RAW_PROFILE, connect, raw_session, server_is_scylla
from reconcile.values_types import UserType

READ_CONCURRENCY: Final = 64
"""Point reads in flight."""
READ_ATTEMPTS: Final = 3
SPAN_FETCH_ROWS: Final = 1_000
PARTITIONER: Final = "org.apache.cassandra.dht.Murmur3Partitioner"

CellTimes = dict[str, tuple[int | None, int | None]]
"""Write time in microseconds and remaining TTL in seconds by column; None for cells that have none."""


class SourceClient:
    """A client of ScyllaDB. One per process, made after a fork; not to be shared between processes.

    Raises:
        UnreachableError: no contact point answers, or the login is refused.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._prepared: dict[str, PreparedStatement] = {}
        self.session: Session
        """The driver's own session, which decodes; at the consistency level of the settings."""
        self._cluster, self.session = connect(settings)
        self._raw_session = raw_session(self._cluster)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._cluster.shutdown()

    def execute_raw(
        self, statement: BoundStatement, paging_state: bytes | None = None, fetch_rows: int | None = None
    ) -> ResponseFuture:
        """Start a bound statement of `prepare`; the rows of its result are raw."""
        if fetch_rows is not None:
            statement.fetch_size = fetch_rows
        return self._raw_session.execute_async(statement, execution_profile=RAW_PROFILE, paging_state=paging_state)

    @cached_property
    def is_scylla(self) -> bool:
        """False for anything else that speaks CQL, which then gets no words of ScyllaDB's own."""
        return server_is_scylla(self.session)

    @property
    def options(self) -> str:
        """Clauses for long reads that only ScyllaDB knows; empty elsewhere."""
        if not self.is_scylla:
            return ""
        return f" BYPASS CACHE USING TIMEOUT {round(self._settings.request_timeout_seconds)}s"

    def table(self, ref: TableRef) -> tuple[TableMetadata, Callable[[str], UserType | None]]:
        """Return a table's metadata, and a function for the fields of its keyspace's user-defined types.

        Raises:
            ConfigError: there is no such keyspace or table, or its partitioner is not Murmur3.
        """
        metadata = self._cluster.metadata
        keyspace = metadata.keyspaces.get(ref.keyspace)
        if keyspace is None:
            raise ConfigError(f"ScyllaDB has no keyspace {ref.keyspace}, or the login may not see it")
        if ref.table in keyspace.tables:
            self._cluster.refresh_table_metadata(ref.keyspace, ref.table)
        table = keyspace.tables.get(ref.table)
        if table is None:
            raise ConfigError(f"ScyllaDB has no table {ref.source}; its keyspace has {sorted(keyspace.tables)}")
        if metadata.partitioner not in (PARTITIONER, None):
            raise ConfigError(f"ScyllaDB uses {metadata.partitioner}; reconcile needs the Murmur3 partitioner")

        def user_type(name: str) -> UserType | None:
            found = keyspace.user_types.get(name)
            return None if found is None else list(zip(found.field_names, found.field_types, strict=True))

        return table, user_type

    def scan(
        self,
        plan: TablePlan,
        low: int,
        high: int,
        page_rows: int,
        *,
        with_prefetch: bool = True,
        fetch_rows: int = 5_000,
    ) -> Iterator[list[Row]]:
        """Yield the rows with tokens in (low, high], at most `page_rows` at a time, key columns first.

        Reads that time out are tried again, with smaller pages, and then in halves of the range. Rows without a
        clustering key stand for partitions that hold only static columns.

        Raises:
            SourceReadError: a range could not be read in the end; names it.
        """
        pager = Pager(self, plan, fetch_rows)
        return pager.batches(low, high, page_rows, with_prefetch=with_prefetch)

    def read(self, plan: TablePlan, keys: Sequence[Key]) -> dict[Key, Row | None]:
        """Return the raw values of the rows with these canonical keys, None where there is no row.

        Raises:
            SourceReadError: a read failed at each attempt.
        """
        found: dict[Key, Row | None] = dict.fromkeys(keys)
        found |= {key: row[len(plan.key) :] for key, row in self._by_key(plan, keys, _select(plan, plan.columns))}
        return found

    def read_cells(self, plan: TablePlan, keys: Sequence[Key]) -> dict[Key, CellTimes]:
        """Return, for each row that exists, the write times and TTL of its cells by column.

        Columns that have no single write time (of the key, collections that are not frozen) are left out.

        Raises:
            SourceReadError: a read failed at each attempt.
        """
        timed = [column.name for column in plan.values if _has_write_time(column)]
        if not timed:
            return {}
        select = ", ".join(f"WRITETIME({name}), TTL({name})" for name in map(protect_name, timed))
        found: dict[Key, CellTimes] = {}
        for key, row in self._by_key(plan, keys, f"SELECT {select} FROM {_table(plan)}"):  # noqa: S608 quoted
            numbers = [None if cell is None else int.from_bytes(cell, signed=True) for cell in row]
            found[key] = dict(zip(timed, zip(numbers[::2], numbers[1::2], strict=True), strict=True))
        return found

    def _by_key(self, plan: TablePlan, keys: Sequence[Key], select: str) -> Iterator[tuple[Key, Row]]:
        """The rows that exist, many reads at a time."""
        waiting = {key: cells for key in keys if (cells := self._key_bytes(plan, key))}
        statement = self.prepare(f"{select} WHERE {_equals(plan.key)}")
        error: BaseException | None = None
        for _ in range(READ_ATTEMPTS):
            results = execute_concurrent_with_args(
                self._raw_session,
                statement,
                list(waiting.values()),
                READ_CONCURRENCY,
                raise_on_first_error=False,
                execution_profile=RAW_PROFILE,
            )
            for key, (succeeded, result) in zip(list(waiting), results, strict=True):
                if not succeeded:
                    error = result
                    continue
                del waiting[key]
                if (row := result.one()) is not None:
                    yield key, row
            if not waiting:
                return
        raise read_error(plan.ref.source, f"{len(waiting)} rows by key", error) from error

    def read_span(self, plan: TablePlan, span: KeySpan) -> Iterator[Key]:
        """Yield the canonical keys of the rows that a span covers."""
        fixed = (*span.partition, *span.prefix)
        clauses, parameters = [_equals(plan.key[: len(fixed)])], self._key_bytes(plan, fixed)
        if parameters is None:
            return
        for bound, operator in ((span.low, ">="), (span.high, "<=")):
            if bound is not None:
                column = plan.key[len(fixed)]
                clauses.append(f"{protect_name(column.name)} {operator} ?")
                parameters.append(column.rule.to_cql(bound) or b"")
        statement = self.prepare(f"{_select(plan, plan.key)} WHERE {' AND '.join(clauses)}")
        for row in self.execute_raw(statement.bind(parameters), fetch_rows=SPAN_FETCH_ROWS).result():
            if None not in row:
                yield plan.source_key(row)

    def estimated_bytes(self, ref: TableRef) -> int:
        """Return the size of a table as the nodes estimate it; 0 when they do not know yet."""
        rows = self.session.execute(
            "SELECT mean_partition_size, partitions_count FROM system.size_estimates "
            "WHERE keyspace_name = %s AND table_name = %s",
            (ref.keyspace, ref.table),
        )
        return sum(max(0, row.mean_partition_size) * max(0, row.partitions_count) for row in rows)

    def prepare(self, cql: str) -> PreparedStatement:
        """Return a statement for the raw session: it binds bytes."""
        if cql not in self._prepared:
            statement = self._raw_session.prepare(cql)
            bind_and_read_raw(statement)
            statement.is_idempotent = True
            self._prepared[cql] = statement
        return self._prepared[cql]

    def bind_piece(self, plan: TablePlan, piece: Piece) -> BoundStatement:
        """Return the statement that reads all columns of the rows of a piece."""
        clause, parameters = piece_clause(plan, piece)
        return self.prepare(f"{_select(plan, plan.columns)} WHERE {clause}{self.options}").bind(parameters)

    def _key_bytes(self, plan: TablePlan, key: Key) -> list[bytes] | None:
        """The key's columns in CQL; None when ScyllaDB cannot hold such a key."""
        try:
            cells = [column.rule.to_cql(value) for column, value in zip(plan.key, key, strict=False)]
        except (ValueError, OverflowError, TypeError, AttributeError):
            return None
        return None if None in cells else [cell for cell in cells if cell is not None]


def _table(plan: TablePlan) -> str:
    return f"{protect_name(plan.ref.keyspace)}.{protect_name(plan.ref.table)}"


def _select(plan: TablePlan, columns: Sequence[ColumnPlan]) -> str:
    return f"SELECT {', '.join(protect_name(column.name) for column in columns)} FROM {_table(plan)}"  # noqa: S608 quoted


def _equals(columns: Sequence[ColumnPlan]) -> str:
    return " AND ".join(f"{protect_name(column.name)} = ?" for column in columns)


def _has_write_time(column: ColumnPlan) -> bool:
    value_type = column.rule.value_type
    return value_type.is_scalar or value_type.frozen or value_type.name == "tuple"
