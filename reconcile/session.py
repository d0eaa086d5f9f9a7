"""What a run, and every command on a run, holds: the table's lock, clients of both sides, the plan, the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from reconcile import schema
from reconcile.cdcstreams import newest_start_ms
from reconcile.control import Control
from reconcile.errors import ConfigError, RefusedError
from reconcile.journal import Journal
from reconcile.lock import TableLock
from reconcile.look import Seen, look
from reconcile.model import Key
from reconcile.request import Connections, Events, RunRequest
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.steady import SteadyTarget
from reconcile.store import Connection, Store
from reconcile.target import TargetClient
from reconcile.topic import topic_opener
from reconcile.watermark import Watermark, open_watermark

MakeJournal = Callable[[Store, SourceClient, TablePlan], Journal]


@dataclass(frozen=True)
class Session:
    """Open for one table."""

    request: RunRequest
    connections: Connections
    events: Events
    control: Control
    store: Store
    journal: Journal
    source: SourceClient
    target: SteadyTarget
    plan: TablePlan

    def look(self, keys: Sequence[Key]) -> Mapping[Key, Seen]:
        """Look at rows on both sides."""
        return look(self.source, self.target, self.plan, keys)

    def check_schema(self) -> None:
        """Make sure that both tables are still as they were when the run began.

        Raises:
            ConfigError: they are not.
        """
        with TargetClient(self.connections.target, application_name="reconcile/schema") as target:
            plan = schema.plan_table(self.source, target, self.request.table)
        if plan.fingerprint != self.plan.fingerprint:
            raise ConfigError(
                f"the columns of {plan.ref.source} or {plan.ref.target} were changed while the run went on, so what it "
                "has seen does not count; start a new run"
            )

    def watermark(self) -> Watermark:
        """Open the view of the pipeline."""
        return open_watermark(
            self.connections.pipeline,
            self.request.table,
            topic_opener(self.connections.pipeline),
            lambda moment: newest_start_ms(self.source.session, self.request.table, round(moment.timestamp() * 1000)),
        )


def connector(connections: Connections, purpose: str) -> Callable[[], Connection]:
    """Return what makes connections to the target database for one purpose."""

    def connect() -> Connection:
        return TargetClient(connections.target, application_name=f"reconcile/{purpose}").connection

    return connect


@contextmanager
def open_session(
    request: RunRequest, connections: Connections, events: Events, control: Control, make_journal: MakeJournal
) -> Iterator[Session]:
    """Lock the table, read both schemas, and take the run that `make_journal` begins or finds.

    Raises:
        AlreadyRunningError: another process works on the table.
        ConfigError, UnreachableError: what has to be put right first.
        RefusedError: PostgreSQL ended a statement of what is done within.
    """
    bookkeeping = connections.target.bookkeeping_schema
    table = request.table.source
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(connector(connections, "store"), bookkeeping))
        store.migrate()
        lock = stack.enter_context(TableLock(connector(connections, "lock"), bookkeeping, table))
        for crashed in lock.mark_crashed():
            events.message(f"run {crashed} of {table} had crashed; `--resume {crashed}` goes on with it")
        source = stack.enter_context(SourceClient(connections.source))
        target = stack.enter_context(TargetClient(connections.target, application_name="reconcile/look"))
        plan = schema.plan_table(source, target, request.table)
        journal = make_journal(store, source, plan)
        lock.beat(journal.run_id, journal.owner, control.end)
        try:
            yield Session(request, connections, events, control, store, journal, source, SteadyTarget(target), plan)
        except psycopg.Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise RefusedError(
                f"{table}: PostgreSQL ended a statement: {reason}; what was done before is on record. "
                "When PostgreSQL is well again repeat the command, a run with --resume"
            ) from error
