"""One run at a time over a table: an advisory lock on a connection of its own, and the heartbeat that keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import psycopg

from reconcile.errors import AlreadyRunningError, UnreachableError
from reconcile.journal import LostRunError
from reconcile.records import RunRecord, RunState
from reconcile.store import Connection, Store

HEARTBEAT_SECONDS: Final = 10.0
_TRY_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, UnreachableError)


class TableLock:
    """The lock of one table. PostgreSQL frees it when the process ends, however it ends.

    It lives as long as its session, so a pooler between must keep sessions (pgbouncer: pool_mode=session).
    """

    def __init__(self, connect: Callable[[], Connection], schema: str, table: str) -> None:
        self._connect = connect
        self._schema = schema
        self._table = table
        self._name = f"reconcile:{schema}:{table}"
        self._store: Store | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._store = self._locked()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        if self._store:
            self._store.close()

    def _locked(self) -> Store:
        """Return a connection that holds the lock.

        Raises:
            AlreadyRunningError: another one holds it.
        """
        connection = self._connect()
        store = Store(connection, self._schema)
        ((locked,),) = connection.execute(_TRY_LOCK, (self._name,)).fetchall()
        if locked:
            return store
        try:
            running = [run for run in store.runs(self._table) if run.state is RunState.RUNNING]
        finally:
            store.close()
        raise AlreadyRunningError(_describe(self._table, running))

    def mark_crashed(self) -> list[UUID]:
        """Mark runs that say they run as crashed: with the lock in our hands, nobody runs them. Return them."""
        assert self._store is not None  # noqa: S101 the lock is entered

        def work(connection: Connection) -> list[UUID]:
            query = "SELECT run_id FROM reconciliation_runs WHERE table_name = %s AND state = 'running' FOR UPDATE"
            crashed = [run_id for (run_id,) in connection.execute(query, (self._table,)).fetchall()]
            connection.execute(
                "UPDATE reconciliation_runs SET state = 'crashed', owner = gen_random_uuid(), ended_at = heartbeat_at "
                "WHERE run_id = ANY(%s)",
                (crashed,),
            )
            return crashed

        return self._store.transact(work)

    def beat(self, run_id: UUID, owner: UUID, lost: Callable[[LostRunError], None]) -> None:
        """Begin to tell, every few seconds, that the run is alive; call `lost` when the lock has gone to another."""
        self._thread = threading.Thread(target=self._beat, args=(run_id, owner, lost), name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self, run_id: UUID, owner: UUID, lost: Callable[[LostRunError], None]) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                if self._store is None:
                    self._store = self._locked()
                if not self._store.transact(lambda connection: _beat_once(connection, run_id, owner)):
                    lost(LostRunError(f"run {run_id} of {self._table} has been taken over by another process"))
                    return
            except AlreadyRunningError as error:
                lost(LostRunError(f"the lock of {self._table} was lost with the connection: {error}"))
                return
            except _LOST:
                self._drop()

    def _drop(self) -> None:
        """Forget a broken connection; the next beat tries a new one, and the lock with it."""
        if self._store:
            self._store.close()
        self._store = None


def _beat_once(connection: Connection, run_id: UUID, owner: UUID) -> bool:
    beaten: Any = connection.execute(
        "UPDATE reconciliation_runs SET heartbeat_at = clock_timestamp() WHERE run_id = %s AND owner = %s",
        (run_id, owner),
    )
    return bool(beaten.rowcount)


def _describe(table: str, running: list[RunRecord]) -> str:
    if not running:
        return f"another process works on {table} right now (undo, repair, or a run that just begins); try again later"
    run = running[0]
    return (
        f"run {run.run_id} of {table} goes on since {run.started_at:%Y-%m-%d %H:%M:%S} UTC, process {run.process_id} "
        f"on {run.host}; wait for it, or stop that process (SIGTERM leaves it resumable)"
    )
