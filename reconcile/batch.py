"""Several tables one after the other: each is a run of its own, and the worst one decides the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reconcile.errors import ExitCode, ReconcileError, worst
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
    requests: Sequence[RunRequest], connections: Connections, events: Events, reconcile_table: ReconcileTable
) -> Iterable[Outcome]:
    """Run the requests in order and yield how each ended. An error of one table does not keep the next from its turn.

    Only a signal ends the whole batch: what was not begun is not begun any more.
    """
    for request in requests:
        outcome = _run(request, connections, events, reconcile_table)
        yield outcome
        if outcome.exit_code is ExitCode.INTERRUPTED:
            return


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """Return the exit code of a batch."""
    return worst(outcome.exit_code for outcome in outcomes)


def _run(request: RunRequest, connections: Connections, events: Events, reconcile_table: ReconcileTable) -> Outcome:
    table = request.table.source
    try:
        summary = reconcile_table(request, connections, events)
    except ReconcileError as error:
        return Outcome(table, error.exit_code, error=str(error))
    except KeyboardInterrupt:
        return Outcome(table, ExitCode.INTERRUPTED, error="interrupted; the same command with --resume goes on")
    return Outcome(table, summary.exit_code, summary)
