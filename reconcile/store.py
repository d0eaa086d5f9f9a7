"""The bookkeeping tables in the target database: how they are reached, and what can be read of all runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from pydantic import TypeAdapter
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from reconcile import migrations
from reconcile.errors import ConfigError, UnreachableError
from reconcile.model import State
from reconcile.records import UNSETTLED, LogRecord, RepairRecord, RunRecord

T = TypeVar("T")
Connection = psycopg.Connection[Any]

_RUNS: Final = TypeAdapter(list[RunRecord])
_LOG: Final = TypeAdapter(list[LogRecord])
_REPAIRS: Final = TypeAdapter(list[RepairRecord])

RECONNECT_SECONDS: Final = 120.0
"""How long a restart of PostgreSQL may take before a run gives up and leaves itself to be resumed."""


class Store:
    """The bookkeeping tables. Not for several threads at once.

    A transaction whose connection breaks is done again on a new one: each is written so that doing it twice leaves the
    same rows.
    """

    def __init__(
        self,
        connection: Connection,
        schema: str = "reconcile",
        reconnect: Callable[[], Connection] | None = None,
        reconnect_seconds: float = RECONNECT_SECONDS,
    ) -> None:
        self.schema = schema
        self._reconnect = reconnect
        self._reconnect_seconds = reconnect_seconds
        self._connection = self._prepared(connection)

    @classmethod
    def open(cls, connect: Callable[[], Connection], schema: str = "reconcile") -> Self:
        """Connect, and connect again whenever the connection breaks."""
        return cls(connect(), schema, connect)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction, again on a new connection if the old one breaks.

        Raises:
            UnreachableError: PostgreSQL did not come back in time.
            ConfigError: a right is missing; says which.
        """
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, psycopg.Error) and self._reopened()),
            wait=wait_exponential(multiplier=0.1, max=5),
            stop=stop_after_delay(self._reconnect_seconds),
            reraise=True,
        )
        try:
            done: T = retrying(self._once, work)
            return done
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigError(
                f"PostgreSQL refuses ({_first_line(error)}); grant reconcile's role SELECT, INSERT, UPDATE and DELETE "
                f"on the tables of schema {self.schema}, and on the target table when it is to repair"
            ) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            raise ConfigError(
                f"schema {self.schema} has no bookkeeping tables ({_first_line(error)}); `reconcile run` makes them"
            ) from error
        except psycopg.OperationalError as error:
            if not self._connection.closed:
                raise
            raise UnreachableError(
                f"PostgreSQL does not answer ({_first_line(error)}); the run stays as it is: "
                "go on with --resume when the database is back"
            ) from error

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self._connection.transaction():
            return work(self._connection)

    def _reopened(self) -> bool:
        """Whether the connection had broken and can be opened again."""
        if not self._connection.closed or self._reconnect is None:
            return False
        try:
            self._connection = self._prepared(self._reconnect())
        except (psycopg.OperationalError, UnreachableError):
            return True  # the next attempt fails at once, and comes back here
        return True

    def _prepared(self, connection: Connection) -> Connection:
        connection.autocommit = True  # transactions are those of `transact`, none begins by itself
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
        return connection

    def rows(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return what a query finds, each row by column name."""

        def read(connection: Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(query.encode(), parameters).fetchall()

        return self.transact(read)

    def migrate(self) -> list[str]:
        """Bring the tables to the newest version; return the names of the migrations applied.

        Raises:
            ConfigError: the tables are those of a newer release, or a right is missing.
        """
        try:
            applied = migrations.migrate(self._connection, self.schema)
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigError(
                f"the bookkeeping tables cannot be made ({_first_line(error)}); "
                f"let an administrator run: CREATE SCHEMA {self.schema} AUTHORIZATION <role of reconcile>"
            ) from error
        return [migration.name for migration in applied]

    def runs(self, table: str | None = None, limit: int = 100) -> list[RunRecord]:
        """Return runs, newest first; of one source table when it is named."""
        return _RUNS.validate_python(
            self.rows(
                "SELECT * FROM reconciliation_runs WHERE %(table)s::text IS NULL OR table_name = %(table)s "
                "ORDER BY started_at DESC LIMIT %(limit)s",
                {"table": table, "limit": limit},
            )
        )

    def run(self, run_id: UUID | str) -> RunRecord:
        """Return one run.

        Raises:
            ConfigError: there is none of that id.
        """
        try:
            wanted = UUID(str(run_id))
        except ValueError:
            raise ConfigError(f"{run_id} is not the id of a run; `reconcile status` lists them") from None
        found = _RUNS.validate_python(self.rows("SELECT * FROM reconciliation_runs WHERE run_id = %s", (wanted,)))
        if not found:
            raise ConfigError(f"there is no run {wanted}; `reconcile status` lists them")
        return found[0]

    def findings(self, run_id: UUID | str, states: Sequence[State] = tuple(State)) -> list[LogRecord]:
        """Return what a run found, in the order in which it was confirmed."""
        return _LOG.validate_python(
            self.rows(
                "SELECT * FROM reconciliation_log WHERE run_id = %s AND state = ANY(%s) ORDER BY log_id",
                (UUID(str(run_id)), [state.value for state in states]),
            )
        )

    def repairs(self, run_id: UUID | str) -> list[RepairRecord]:
        """Return what a run wrote, in order."""
        return _REPAIRS.validate_python(
            self.rows("SELECT * FROM reconciliation_repairs WHERE run_id = %s ORDER BY repair_id", (UUID(str(run_id)),))
        )

    def open_counts(self) -> dict[tuple[str, str, str], int]:
        """Return how many findings still stand, by table, kind and cause."""
        return {
            (row["table_name"], row["kind"], row["cause"]): row["count"]
            for row in self.rows(
                "SELECT table_name, kind, cause, count(*) FROM reconciliation_log WHERE state = ANY(%s) "
                "GROUP BY table_name, kind, cause",
                ([state.value for state in UNSETTLED],),
            )
        }

    def verified_through(self, table: str) -> datetime | None:
        """Return the time up to which clean runs have proved the table: the last clean full run, and the clean
        incremental windows that join it without a gap. A window that was not clean stops it.
        """
        through: datetime | None = None
        for row in self.rows(
            "SELECT verified_from, verified_through FROM reconciliation_runs "
            "WHERE table_name = %s AND verified_through IS NOT NULL ORDER BY verified_from NULLS FIRST",
            (table,),
        ):
            joins = row["verified_from"] is None or (through is not None and row["verified_from"] <= through)
            if joins and (through is None or row["verified_through"] > through):
                through = row["verified_through"]
        return through


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
