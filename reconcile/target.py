"""Reads rows of PostgreSQL by key. Cells are raw: bytes as PostgreSQL sends them, timestamps as microseconds."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconcile.credentials import read_credentials
from reconcile.errors import ReconcileError, UnreachableError
from reconcile.key_batch import KeyBatch
from reconcile.model import Key, KeySpan, TargetSettings
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.schema_target import table_identifier
from reconcile.target_keys import ArrayDumper, BinaryArray, key_parameter, text_parameter

CONNECT_TIMEOUT_SECONDS: Final = 10
ATTEMPTS: Final = 5
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 10.0
EXPORT_ROWS: Final = 10_000

_log = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]


class TargetRow(NamedTuple):
    """A row as PostgreSQL has it."""

    values: Row
    """Raw cells of the plan's value columns."""
    xmin: str | None = None
    """Version of the row, when it was asked for."""


class TargetReadError(ReconcileError):
    """PostgreSQL did not answer a read at any attempt. Names the table and the last error."""


class TargetClient:
    """A client of PostgreSQL. One per process; connections are made when they are first used.

    Raises:
        UnreachableError: the server does not answer, or the login is refused.
    """

    def __init__(self, settings: TargetSettings, *, application_name: str = "reconcile") -> None:
        self._settings = settings
        self._application_name = application_name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for name in ("connection", "_reader"):
            if connection := self.__dict__.pop(name, None):
                connection.close()

    @cached_property
    def connection(self) -> Connection:
        """A connection for bookkeeping and repairs, without autocommit. Reads of this client do not touch it."""
        return self._connect(autocommit=False)

    @cached_property
    def _reader(self) -> Connection:
        connection = self._connect(autocommit=True)
        connection.adapters.register_dumper(BinaryArray, ArrayDumper)
        return connection

    def read(self, plan: TablePlan, keys: Sequence[Key], *, with_xmin: bool = False) -> dict[Key, TargetRow]:
        """Return the rows with these canonical keys that exist. A key that PostgreSQL cannot hold has no row."""
        parameters = text_parameter(plan.key, keys)
        if not parameters[0]:
            return {}
        width = len(plan.columns)
        rows = self._lookup(plan, parameters, with_xmin=with_xmin)
        return {
            plan.target_key(row): TargetRow(row[len(plan.key) : width], row[width].decode() if with_xmin else None)
            for row in rows
        }

    def lookup(self, plan: TablePlan, keys: KeyBatch) -> list[Row]:
        """Return the raw rows, key columns first, that have these keys of the source; in any order."""
        return self._lookup(plan, key_parameter(keys))

    def keys_raw(self, plan: TablePlan) -> Iterator[list[Row]]:
        """Yield the raw keys of the whole table, in one snapshot."""
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in plan.key)
        query = sql.SQL("SELECT {} FROM {}").format(columns, table_identifier(plan.ref))
        with self._reader.transaction(), self._reader.cursor("reconcile_keys", binary=True) as cursor:
            self._read_raw(cursor, plan.key)
            cursor.execute(query)
            while rows := cursor.fetchmany(EXPORT_ROWS):
                yield rows

    def keys(self, plan: TablePlan) -> Iterator[list[Key]]:
        """Yield the canonical keys of the whole table, in one snapshot."""
        for rows in self.keys_raw(plan):
            yield [plan.target_key(row) for row in rows]

    def read_span(self, plan: TablePlan, span: KeySpan) -> Iterator[Key]:
        """Yield the canonical keys of the rows that a span covers."""
        fixed = (*span.partition, *span.prefix)
        tests = [(column, "=", value) for column, value in zip(plan.key, fixed, strict=False)]
        tests += [
            (plan.key[len(fixed)], operator, bound)
            for bound, operator in ((span.low, ">="), (span.high, "<="))
            if bound is not None
        ]
        where = sql.SQL(" AND ").join(
            sql.SQL("{} {} %s").format(sql.Identifier(column.name), sql.SQL(operator)) for column, operator, _ in tests
        )
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in plan.key)
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, table_identifier(plan.ref), where)
        with self._reader.transaction(), self._reader.cursor("reconcile_span", binary=True) as cursor:
            self._read_raw(cursor, plan.key)
            cursor.execute(query, [column.rule.to_parameter(value) for column, _, value in tests])
            while rows := cursor.fetchmany(EXPORT_ROWS):
                yield from (plan.target_key(row) for row in rows)

    def commit_times(self, xmins: Collection[str]) -> dict[str, datetime]:
        """Return when row versions were committed; without those that PostgreSQL forgot, or does not track."""
        query = (
            "SELECT xmin, pg_xact_commit_timestamp(xmin::xid) FROM unnest(%s::text[]) AS xmin "
            "WHERE current_setting('track_commit_timestamp') = 'on'"
        )
        return {xmin: time for xmin, time in self._reader.execute(query, [list(xmins)]) if time is not None}

    def explain_lookup(self, plan: TablePlan) -> str:
        """Return PostgreSQL's plan for reading rows by key, as text."""
        values: list[list[str]] = [[] for _ in plan.key]
        query = sql.SQL("EXPLAIN ") + lookup_query(plan)
        return "\n".join(row[0] for row in self._reader.execute(query, values))

    def _lookup(self, plan: TablePlan, parameters: Sequence[Any], *, with_xmin: bool = False) -> list[Row]:
        def attempt() -> list[Row]:
            with self._reader.cursor(binary=True) as cursor:
                self._read_raw(cursor, plan.columns)
                if with_xmin:
                    cursor.adapters.register_loader("text", ByteaBinaryLoader)
                return cursor.execute(lookup_query(plan, with_xmin=with_xmin), parameters).fetchall()

        retrying = Retrying(
            retry=retry_if_exception_type((psycopg.OperationalError, UnreachableError)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            before_sleep=self._before_next_attempt,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise TargetReadError(
                f"{plan.ref.target}: cannot read rows by key: {reason}; see PostgreSQL's log"
            ) from None

    def _before_next_attempt(self, state: RetryCallState) -> None:
        _log.warning("reading PostgreSQL failed, trying again: %s", state.outcome.exception() if state.outcome else "")
        if (reader := self.__dict__.get("_reader")) and reader.broken:
            del self.__dict__["_reader"]

    def _read_raw(self, cursor: psycopg.Cursor[Row] | psycopg.ServerCursor[Row], columns: Sequence[ColumnPlan]) -> None:
        for column in columns:
            is_timestamp = column.pg_oid in _TIMESTAMP_OIDS
            cursor.adapters.register_loader(column.pg_oid, Int8BinaryLoader if is_timestamp else ByteaBinaryLoader)

    def _connect(self, *, autocommit: bool) -> Connection:
        settings = self._settings
        credentials = read_credentials(settings)
        where = f"PostgreSQL at {settings.host}:{settings.port}/{settings.database}"
        try:
            return psycopg.connect(
                host=settings.host,
                port=settings.port,
                dbname=settings.database,
                user=credentials.username if credentials else None,
                password=credentials.password if credentials else None,
                sslmode=settings.sslmode,
                sslrootcert=settings.sslrootcert,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name=self._application_name,
                client_encoding="UTF8",
                options=_options(settings),
                autocommit=autocommit,
            )
        except psycopg.OperationalError as error:
            raise UnreachableError(f"{where}: {' '.join(str(error).split())}") from None


_TIMESTAMP_OIDS: Final = frozenset(psycopg.adapters.types[name].oid for name in ("timestamp", "timestamptz"))


def lookup_query(plan: TablePlan, *, with_xmin: bool = False) -> sql.Composed:
    """Return the statement that reads rows by key, with an array for each column of the key."""
    columns: list[sql.Composable] = [sql.SQL("t.{}").format(sql.Identifier(column.name)) for column in plan.columns]
    if with_xmin:
        columns.append(sql.SQL("t.xmin::text"))
    select = sql.SQL("SELECT {} FROM {} AS t").format(sql.SQL(", ").join(columns), table_identifier(plan.ref))
    arrays = [sql.SQL("%s::{}[]").format(sql.SQL(column.rule.base_pg_type)) for column in plan.key]
    if len(plan.key) == 1:
        return select + sql.SQL(" WHERE t.{} = ANY ({})").format(sql.Identifier(plan.key[0].name), arrays[0])
    names = [sql.Identifier(f"k{index}") for index in range(len(plan.key))]
    equal = [
        sql.SQL("t.{} = k.{}").format(sql.Identifier(column.name), name)
        for column, name in zip(plan.key, names, strict=True)
    ]
    # OFFSET 0 keeps the planner from joining the whole table, which it takes for cheaper than 10,000 look-ups.
    return sql.SQL("SELECT f.* FROM unnest({}) AS k ({}) CROSS JOIN LATERAL ({} WHERE {} OFFSET 0) AS f").format(
        sql.SQL(", ").join(arrays), sql.SQL(", ").join(names), select, sql.SQL(" AND ").join(equal)
    )


def _options(settings: TargetSettings) -> str:
    values = {
        "TimeZone": "UTC",
        "statement_timeout": f"{round(settings.statement_timeout_seconds * 1000)}ms",
        "lock_timeout": f"{round(settings.lock_timeout_seconds * 1000)}ms",
        "jit": "off",
        # A plan made for an empty table would stay when it has grown.
        "plan_cache_mode": "force_custom_plan",
    }
    return " ".join(f"-c {name}={value}" for name, value in values.items())
