"""Both ends of the canary's way: one row written by CQL, all rows read from PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from cassandra.cluster import Cluster, Session
from psycopg import sql

from reconcile.canary.watch import Beat
from reconcile.model import SourceSettings, TargetSettings
from reconcile.source_session import connect
from reconcile.target import TargetClient

STATEMENT_SECONDS: Final = 10.0


class Source(Protocol):
    """Where rows are written."""

    def write(self, beat: Beat) -> None:
        """Write one row; raises whatever the driver raises."""

    def close(self) -> None:
        """Give connections back."""


class Target(Protocol):
    """Where rows arrive."""

    def rows(self) -> Mapping[int, int]:
        """Return the content of each slot; raises whatever the driver raises."""

    def close(self) -> None:
        """Give connections back."""


class ScyllaRows:
    """The source's side, with a login that may write this one table and read nothing."""

    def __init__(self, settings: SourceSettings, table: str) -> None:
        self._cluster: Cluster
        self._session: Session
        self._cluster, self._session = connect(settings)
        try:
            self._insert = self._session.prepare(f"INSERT INTO {table} (slot, beat_ms) VALUES (?, ?)")  # noqa: S608
        except BaseException:
            self.close()
            raise

    def write(self, beat: Beat) -> None:
        """Write one row."""
        self._session.execute(self._insert, (beat.slot, beat.beat_ms))

    def close(self) -> None:
        """Close all connections."""
        self._cluster.shutdown()


class PostgresRows:
    """The target's side, with a login that may read this one table."""

    def __init__(self, settings: TargetSettings, table: str) -> None:
        self._client = TargetClient(settings, application_name="canary")
        schema, _, name = table.partition(".")
        self._query = sql.SQL("SELECT slot, beat_ms FROM {}").format(sql.Identifier(schema, name))
        self._client.connection.autocommit = True

    def rows(self) -> Mapping[int, int]:
        """Return the content of each slot."""
        found: list[tuple[Any, ...]] = self._client.connection.execute(self._query).fetchall()
        return dict(found)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


OpenSource = Callable[[], Source]
OpenTarget = Callable[[], Target]
