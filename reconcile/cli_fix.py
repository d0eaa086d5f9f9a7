"""The commands that go back to what a run has found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

import typer

from reconcile import options, tracing
from reconcile.batch import Outcome
from reconcile.cli_errors import errors
from reconcile.compose import connections, run_requests, with_options
from reconcile.errors import ExitCode
from reconcile.options import PlainFormat
from reconcile.progress import ProgressStyle, RunEvents, display
from reconcile.report import SCHEMA_VERSION, outcome_text, summary_json
from reconcile.request import RunRequest, RunSummary
from reconcile.settings import Settings, load_settings

Kinds = Annotated[
    Literal["missing", "mismatch", "all"], typer.Option("--kind", help="Which open findings are repaired.")
]


def recheck(
    run: options.Run,
    format_: options.Plain = PlainFormat.TEXT,
    progress: options.Progress = ProgressStyle.AUTO,
    config: options.Config = None,
) -> None:
    """Look again at the open findings of a run, and close those that are equal now."""
    from reconcile.commands import recheck_run

    with errors(), display(progress) as shown:
        settings = load_settings(config)
        request = _request(settings, run)
        result = recheck_run(run, request, connections(settings), RunEvents(shown))
        code = ExitCode.DIFFERENCES if any(result.summary.open.values()) else ExitCode.CLEAN
        _print(format_, result.summary, code, {"looked": result.looked, "resolved": result.resolved})
    raise typer.Exit(code)


def repair(
    run: options.Run,
    kind: Kinds = "all",
    dry_run: options.DryRun = False,
    max_repairs: options.MaxRepairs = None,
    max_repair_ratio: options.MaxRepairRatio = None,
    max_lag: options.MaxLag = None,
    format_: options.Plain = PlainFormat.TEXT,
    progress: options.Progress = ProgressStyle.AUTO,
    config: options.Config = None,
) -> None:
    """Repair the open findings of a run, each guarded against newer data. Extra rows are never deleted."""
    from reconcile.commands import repair_run

    with errors(), display(progress) as shown:
        limits = {"max_repairs": max_repairs, "max_repair_ratio": max_repair_ratio, "max_lag": max_lag, "repair": kind}
        settings = with_options(load_settings(config), limits)
        request = replace(_request(settings, run), dry_run=dry_run)
        with tracing.exporting(settings.tracing.endpoint):
            result = repair_run(run, request, connections(settings), RunEvents(shown))
        _print(format_, result.summary, result.exit_code, {"breaker": result.breaker, "dry_run": dry_run})
    raise typer.Exit(result.exit_code)


def undo(
    run: options.Run,
    dry_run: options.DryRun = False,
    format_: options.Plain = PlainFormat.TEXT,
    progress: options.Progress = ProgressStyle.AUTO,
    config: options.Config = None,
) -> None:
    """Take the repairs of a run back, except where the row was written since."""
    from reconcile.commands import undo_run

    with errors(), display(progress) as shown:
        settings = load_settings(config)
        request = replace(_request(settings, run), dry_run=dry_run)
        result = undo_run(run, request, connections(settings), RunEvents(shown))
        counts = {"undone": result.undone, "skipped_changed": result.skipped_changed, "dry_run": dry_run}
        if format_ is PlainFormat.TEXT:
            would = "would be " if dry_run else ""
            print(f"{result.undone} repairs {would}taken back, {result.skipped_changed} left: their rows have changed")
        else:
            document = {"type": "undo", "schema_version": SCHEMA_VERSION, "run_id": run, "table": request.table.source}
            print(json.dumps(document | counts))


def _request(settings: Settings, run_id: str) -> RunRequest:
    """What a command on a run is asked: the run's table, as it is configured now, without the run's ignored columns."""
    from reconcile.serve import bookkeeping

    with bookkeeping(settings)() as store:
        run = store.run(run_id)
    table = settings.table(run.table_name)
    (request,) = run_requests(settings, [replace(table, ignore_columns=run.ignored_columns)])
    return request


def _print(format_: PlainFormat, summary: RunSummary, code: ExitCode, more: dict[str, Any]) -> None:
    if format_ is PlainFormat.TEXT:
        print(outcome_text(Outcome(summary.table, code, replace(summary, exit_code=code))))
        shown = {name: value for name, value in more.items() if value not in (None, False)}
        if shown:
            print("  this time    " + ", ".join(f"{name} {value}" for name, value in shown.items()))
    else:
        print(json.dumps(summary_json(replace(summary, exit_code=code)) | more))
