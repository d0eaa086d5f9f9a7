"""Several tables one after the other: each is a run of its own, and the worst one decides the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reconcile.errors import ExitCode, LogTooShortError, ReconcileError, worst
from reconcile.model import Mode
from reconcile.request import Connections, Events, RunRequest, RunSummary

ReconcileTable = Callable[[RunRequest, Connections, Events], RunSummary]


@dataclass(frozen=True)
class Outcome:
    """How the run over one table ended: with a summary, or with an error before there could be one."""

    table: str
    exit_code: ExitCode
    summary: RunSummary | None = None
    error: str = ""


def run_tables(
    requests: Sequence[RunRequest],
    connections: Connections,
    events: Events,
    reconcile_table: ReconcileTable,
    *,
    fallback: Mode | None = None,
) -> Iterable[Outcome]:
    """Run the requests in order and yield how each ended. An error of one table does not keep the next from its turn.

    Only a signal ends the whole batch: what was not begun is not begun any more. With `fallback` FULL, a table whose
    CDC log does not reach back far enough is compared in full.
    """

    def reconcile(request: RunRequest) -> RunSummary:
        try:
            return reconcile_table(request, connections, events)
        except LogTooShortError as error:
            if fallback is not Mode.FULL:
                raise
            events.message(f"{error}; comparing everything instead")
            return reconcile_table(replace(request, mode=Mode.FULL, since=None, until=None), connections, events)

    for request in requests:
        outcome = _run(request, reconcile)
        yield outcome
        if outcome.exit_code is ExitCode.INTERRUPTED:
            return


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """Return the exit code of a batch."""
    return worst(outcome.exit_code for outcome in outcomes)


def _run(request: RunRequest, reconcile: Callable[[RunRequest], RunSummary]) -> Outcome:
    table = request.table.source
    try:
        summary = reconcile(request)
    except ReconcileError as error:
        return Outcome(table, error.exit_code, error=str(error))
    except KeyboardInterrupt:
        return Outcome(table, ExitCode.INTERRUPTED, error="interrupted; the same command with --resume goes on")
    return Outcome(table, summary.exit_code, summary)
