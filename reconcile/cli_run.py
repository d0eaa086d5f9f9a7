"""The commands that compare and repair."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import typer

from reconcile import options, tracing
from reconcile.batch import exit_code, run_tables
from reconcile.cli_errors import errors
from reconcile.compose import chosen_tables, connections, run_requests, with_options
from reconcile.model import Mode
from reconcile.options import OutputFormat
from reconcile.progress import ProgressStyle, RunEvents, display
from reconcile.request import RunRequest
from reconcile.results import results
from reconcile.settings import Settings, load_settings


def run(
    table: options.Tables = None,
    mode: options.RunMode = None,
    since: options.Since = None,
    until: options.Until = None,
    repair: options.Repair = None,
    dry_run: options.DryRun = False,
    fallback: options.Fallback = options.FallbackMode.NONE,
    resume: options.Resume = "",
    strategy: options.RunStrategy = None,
    page_size: options.PageSize = None,
    ignore_columns: options.IgnoreColumns = None,
    fail_on: options.FailOn = None,
    workers: options.Workers = None,
    executor: options.Executor = None,
    scheduler: options.Scheduler = None,
    max_rows_per_second: options.MaxRows = None,
    max_lag: options.MaxLag = None,
    settle: options.Settle = None,
    max_repairs: options.MaxRepairs = None,
    max_repair_ratio: options.MaxRepairRatio = None,
    max_runtime: options.MaxRuntime = None,
    pause_file: options.PauseFile = None,
    format_: options.Format = OutputFormat.TEXT,
    output: options.Output = None,
    emit_sql: options.EmitSql = None,
    progress: options.Progress = ProgressStyle.AUTO,
    config: options.Config = None,
) -> None:
    """Compare tables, and repair what differs if asked to. The exit code tells how it ended."""
    from reconcile.run import reconcile_table  # the drivers take a second to load

    with errors():
        settings = with_options(
            load_settings(config),
            {
                "mode": options.window_mode(mode, since, until),
                "repair": repair,
                "strategy": strategy,
                "page_rows": page_size,
                "fail_on": fail_on,
                "workers": workers,
                "executor": executor,
                "scheduler": scheduler,
                "max_rows_per_second": max_rows_per_second,
                "max_lag": max_lag,
                "settle": settle,
                "max_repairs": max_repairs,
                "max_repair_ratio": max_repair_ratio,
                "max_runtime": max_runtime,
                "pause_file": pause_file,
            },
        )
        tables = chosen_tables(settings, table or [])
        requests = run_requests(
            settings,
            tables,
            since=since,
            until=until,
            dry_run=dry_run,
            resume=resume or None,
            ignore_columns=sorted(ignore_columns or ()),
        )
        to_full = Mode.FULL if fallback is options.FallbackMode.FULL else None
        requests = [_with_window(settings, request, to_full) for request in requests]
        with (
            tracing.exporting(settings.tracing.endpoint),
            results(format_, tables, output, emit_sql) as written,
            display(progress) as shown,
        ):
            events, outcomes = RunEvents(shown, [written.finding]), []
            for outcome in run_tables(requests, connections(settings), events, reconcile_table, fallback=to_full):
                outcomes.append(outcome)
                written.outcome(outcome)
            written.end(outcomes)
    raise typer.Exit(exit_code(outcomes))


def _with_window(settings: Settings, request: RunRequest, fallback: Mode | None) -> RunRequest:
    """Let an incremental run without --since begin where the last complete one ended."""
    from reconcile.coverage import since
    from reconcile.serve import bookkeeping

    if request.mode is Mode.FULL or request.since is not None or request.resume is not None:
        return request
    now, least = datetime.now(UTC), timedelta(seconds=settings.schedule.since)
    with bookkeeping(settings)() as store:
        store.migrate()
        begin = since(store, request.table, least, now)
    if begin is None and fallback is Mode.FULL:
        return replace(request, mode=Mode.FULL)
    return replace(request, since=begin or now - least)
