"""Commands on what a run has found: look again, repair, take repairs back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from reconcile import breaker
from reconcile.candidates import CandidateBook
from reconcile.confirm import recheck
from reconcile.control import Control, stop_on_signals
from reconcile.errors import ConfigError, ExitCode
from reconcile.journal import Journal
from reconcile.phases import repair, wait_for_pipeline
from reconcile.repair import REPAIRED_KINDS
from reconcile.repair_book import RepairBook
from reconcile.request import Connections, Events, RunRequest, RunSummary
from reconcile.schema import TablePlan
from reconcile.session import Session, open_session
from reconcile.source import SourceClient
from reconcile.store import Store
from reconcile.summary import differences, summarise
from reconcile.undo import Undoer, UndoResult


@dataclass(frozen=True)
class RecheckResult:
    """What a second look at findings saw."""

    looked: int
    resolved: int
    """Rows that are equal now."""
    summary: RunSummary


@dataclass(frozen=True)
class RepairResult:
    """What a repair came to."""

    summary: RunSummary
    breaker: str | None
    """Why nothing was repaired."""

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE when the breaker tripped, DIFFERENCES while findings stand."""
        if self.breaker:
            return ExitCode.INCOMPLETE
        return ExitCode.DIFFERENCES if any(self.summary.open.values()) else ExitCode.CLEAN


def recheck_run(
    run_id: str, request: RunRequest, connections: Connections, events: Events, stop: threading.Event | None = None
) -> RecheckResult:
    """Look again at the findings of a run that still stand; close those that are equal now."""
    with _adopted(run_id, request, connections, events, stop) as session:
        looked, resolved = recheck(
            CandidateBook(session.journal), session.plan, session.look, session.control, session.journal.run_id
        )
        return RecheckResult(looked, resolved, summarise(session.store, run_id))


def repair_run(
    run_id: str, request: RunRequest, connections: Connections, events: Events, stop: threading.Event | None = None
) -> RepairResult:
    """Repair open findings of a run: kinds, dry run and limits are those of the request."""
    with _adopted(run_id, request, connections, events, stop) as session:
        kinds = REPAIRED_KINDS[request.repair]
        found = differences(session.store.findings(run_id))
        reason = breaker.trips(found, kinds, session.journal.totals().counts.source_rows, request.limits)
        if reason:
            events.message(f"nothing is repaired: {reason}")
        else:
            with closing(session.watermark()) as watermark:
                wait_for_pipeline(watermark.lag_seconds, request.limits, session.control, events.message)
            repair(session, RepairBook(session.journal), kinds, dry_run=request.dry_run)
        return RepairResult(summarise(session.store, run_id), reason)


def undo_run(
    run_id: str, request: RunRequest, connections: Connections, events: Events, stop: threading.Event | None = None
) -> UndoResult:
    """Take the repairs of a run back, except where the row was written since."""
    with _adopted(run_id, request, connections, events, stop) as session:
        return Undoer(RepairBook(session.journal), session.plan, session.control, dry_run=request.dry_run).run()


@contextmanager
def _adopted(
    run_id: str, request: RunRequest, connections: Connections, events: Events, stop: threading.Event | None
) -> Iterator[Session]:
    def adopt(store: Store, _source: SourceClient, plan: TablePlan) -> Journal:
        run = store.run(run_id)
        if run.table_name != request.table.source:
            raise ConfigError(f"run {run_id} is one of {run.table_name}, not of {request.table.source}")
        return Journal.adopt(store, run, plan.fingerprint)

    with ExitStack() as stack:
        control = Control(stop or stack.enter_context(stop_on_signals()), request.limits, events.message)
        yield stack.enter_context(open_session(request, connections, events, control, adopt))
