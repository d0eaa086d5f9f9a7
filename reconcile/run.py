"""One run over one table, from its lock to its summary."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from reconcile import tracing
from reconcile.control import Control, LimitReachedError, stop_on_signals
from reconcile.errors import ConfigError, ExitCode, ReconcileError
from reconcile.executor import DaskExecutor, Executor, LocalExecutor, default_workers
from reconcile.incremental import plan_units as plan_log_units
from reconcile.journal import Journal, LostRunError
from reconcile.model import Mode, ScanOptions, Unit
from reconcile.phases import Phases
from reconcile.records import RESUMABLE, RunRecord, RunState
from reconcile.request import Connections, Events, RunRequest, RunSummary
from reconcile.schema import TablePlan
from reconcile.session import Session, open_session
from reconcile.source import SourceClient
from reconcile.store import Store
from reconcile.summary import exit_code, summarise
from reconcile.tokens import plan_units as plan_token_units
from reconcile.tokens import unit_count
from reconcile.work import WorkContext

LAST: Final = "last"
"""`RunRequest.resume`: the table's last run that can go on."""
_LEAST_LOG_DELAY_SECONDS: Final = 60.0
"""How far an incremental run stays behind the clock where the pipeline's own windows are not known."""


def reconcile_table(
    request: RunRequest, connections: Connections, events: Events, stop: threading.Event | None = None
) -> RunSummary:
    """Compare a table, and repair it if asked to. Begins a run, or goes on with one (`request.resume`).

    Args:
        stop: ends the run at a checkpoint when it is set; SIGTERM and SIGINT when not given.

    Raises:
        AlreadyRunningError: another process works on the table.
        InterruptedRunError: stopped by a signal; the run can be resumed.
        ConfigError, UnreachableError: the run cannot begin, or not go on; one that had begun can be resumed.
    """
    with ExitStack() as stack:
        control = Control(stop or stack.enter_context(stop_on_signals()), request.limits, events.message)

        def journal(store: Store, source: SourceClient, plan: TablePlan) -> Journal:
            if request.resume:
                return _resumed(store, request, plan)
            return _begun(store, request, connections, source, plan)

        session = stack.enter_context(open_session(request, connections, events, control, journal))
        run_id = session.journal.run_id
        with tracing.span("run", table=request.table.source, run_id=str(run_id), mode=request.mode.value):
            _run(session)
        return summarise(session.store, session.journal.run_id)


def _run(session: Session) -> None:
    """Do the phases, and record how the run ended, whatever happens."""
    journal, began = session.journal, time.monotonic()
    try:
        with closing(session.watermark()) as watermark:
            phases = Phases(session, watermark, open_executor)
            phases.run()
    except LostRunError:
        raise  # it is another's now
    except LimitReachedError as error:
        journal.add_seconds(time.monotonic() - began)
        journal.end(RunState.INCOMPLETE, ExitCode.INCOMPLETE, [str(error)])
    except BaseException as error:
        code = error.exit_code if isinstance(error, ReconcileError) else ExitCode.INCOMPLETE
        with suppress(Exception):  # the first error is the one to tell
            journal.add_seconds(time.monotonic() - began)
            journal.end(RunState.INTERRUPTED, code, [str(error) or type(error).__name__])
        raise
    else:
        journal.add_seconds(time.monotonic() - began)
        _end(session, phases.stopped)


def _end(session: Session, stopped: list[str]) -> None:
    """Record what a run that went through all its phases came to."""
    journal, request = session.journal, session.request
    findings = session.store.findings(journal.run_id)
    failed = journal.totals().units_failed
    code = exit_code(findings, request.fail_on, failed_units=failed, stopped=bool(stopped))
    run = session.store.run(journal.run_id)
    proved: tuple[datetime | None, datetime] | None = None
    if not failed and not stopped and not any(finding.is_open for finding in findings):
        proved = (run.window_start, run.window_end or run.started_at)
    journal.end(RunState.INCOMPLETE if failed else RunState.FINISHED, code, stopped, proved)


def _resumed(store: Store, request: RunRequest, plan: TablePlan) -> Journal:
    run = run_to_resume(store, request.table.source, request.resume or LAST)
    return Journal.resume(store, run, plan.fingerprint, request.repair, dry_run=request.dry_run)


def run_to_resume(store: Store, table: str, wanted: str) -> RunRecord:
    """Return the run of that id, or the table's last one that can go on (`last`).

    Raises:
        ConfigError: there is none.
    """
    if wanted != LAST:
        run = store.run(wanted)
        if run.table_name != table:
            raise ConfigError(f"run {wanted} is one of {run.table_name}, not of {table}")
        return run
    for run in store.runs(table):
        if run.state in RESUMABLE:
            return run
    raise ConfigError(f"{table} has no run that could go on; leave out --resume")


def _begun(
    store: Store, request: RunRequest, connections: Connections, source: SourceClient, plan: TablePlan
) -> Journal:
    units, until = _units(request, connections, source, plan)
    return Journal.begin(store, request, plan.fingerprint, plan.ignored_columns, units, until)


def _units(
    request: RunRequest, connections: Connections, source: SourceClient, plan: TablePlan
) -> tuple[list[Unit], datetime | None]:
    """The units of a new run, and for incremental ones the end of their window."""
    if request.mode is Mode.FULL:
        workers = request.workers or default_workers()
        return plan_token_units(unit_count(source.estimated_bytes(plan.ref), workers)), None
    if request.since is None:
        raise ConfigError(f"{request.table.source}: an incremental run needs --since, such as --since 24h")
    pipeline = connections.pipeline
    delay_seconds = (pipeline.window_size_ms + pipeline.confidence_window_ms) / 1000
    if not pipeline.connect_url:
        delay_seconds = max(delay_seconds, _LEAST_LOG_DELAY_SECONDS)
    latest = datetime.now(UTC) - timedelta(seconds=delay_seconds)
    until = min(request.until or latest, latest)
    return plan_log_units(source, plan, request.since, until, confidence_seconds=delay_seconds), until


def open_executor(session: Session) -> Executor:
    """Return what the request asks units to be done by."""
    request, connections = session.request, session.connections
    workers = request.workers or default_workers()
    rate = request.limits.max_rows_per_second
    options = ScanOptions(page_rows=request.page_rows, max_rows_per_second=rate / workers if rate else None)
    run_id = str(session.journal.run_id)
    context = WorkContext(run_id, connections.source, connections.target, session.plan, options)
    if request.executor == "process":
        return LocalExecutor(context, workers)
    if not request.scheduler:
        raise ConfigError("--executor dask needs --scheduler, such as tcp://dask:8786")
    return DaskExecutor(context, request.scheduler, workers if request.workers or rate else None)
