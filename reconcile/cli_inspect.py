"""The commands that only look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from reconcile import options
from reconcile.batch import Outcome
from reconcile.cli_errors import errors
from reconcile.compose import chosen_tables
from reconcile.errors import ExitCode
from reconcile.findings import finding_json, finding_line
from reconcile.options import OutputFormat, PlainFormat
from reconcile.report import SCHEMA_VERSION, outcome_text, summary_json
from reconcile.settings import load_settings

_COLORS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, as `status` and every summary show it.")]
Limit = Annotated[int, typer.Option(min=0, help="Newest runs that are listed.")]
Findings = Annotated[int, typer.Option("--limit", min=0, help="Findings and repairs that are printed as text; 0: all.")]
All = Annotated[bool, typer.Option("--all", help="Also findings that are settled: repaired, resolved, superseded.")]


def check(
    table: options.Tables = None, format_: options.Plain = PlainFormat.TEXT, config: options.Config = None
) -> None:
    """Look at everything that a run needs, without running: logins, rights, schemas, query plans, CDC, pipeline."""
    from reconcile import check as checks

    with errors():
        settings = load_settings(config)
        out = Console(highlight=False, soft_wrap=True)
        found = []
        for each in checks.check_all(settings, chosen_tables(settings, table or [])):
            found.append(each)
            if format_ is PlainFormat.TEXT:
                color = _COLORS[each.verdict]
                out.print(f"[{color}]{each.verdict:<8}[/] {escape(f'{each.subject}: {each.what}: {each.detail}')}")
        code = checks.exit_code(found)
        if format_ is PlainFormat.JSON:
            listed = [
                {"subject": each.subject, "what": each.what, "verdict": each.verdict.value, "detail": each.detail}
                for each in found
            ]
            print(json.dumps({"schema_version": SCHEMA_VERSION, "exit_code": int(code), "checks": listed}, indent=2))
    raise typer.Exit(code)


def status(
    table: options.Tables = None,
    limit: Limit = 10,
    format_: options.Plain = PlainFormat.TEXT,
    config: options.Config = None,
) -> None:
    """Show how each table stands, and the newest runs."""
    from reconcile.serve import bookkeeping
    from reconcile.status import collect, runs_table, status_json, status_table

    with errors():
        settings = load_settings(config)
        tables = chosen_tables(settings, table or [])
        with bookkeeping(settings)() as store:
            store.migrate()
            found = collect(store, tables)
            names = {each.source for each in tables}
            runs = [run for run in store.runs(limit=1000) if run.table_name in names][:limit]
        if format_ is PlainFormat.JSON:
            print(json.dumps(status_json(found, runs), indent=2))
            return
        now = datetime.now(UTC)
        out = Console(highlight=False)
        out.print(status_table(found, now))
        if runs:
            out.print()
            out.print(runs_table(runs, now))


def show(
    run: RunId,
    limit: Findings = 100,
    all_: All = False,
    format_: options.Format = OutputFormat.TEXT,
    config: options.Config = None,
) -> None:
    """Show a run again: its summary, what it found that still stands, and what it wrote."""
    from reconcile.model import State
    from reconcile.records import UNSETTLED
    from reconcile.serve import bookkeeping
    from reconcile.status import finding_of, repair_json, repair_line
    from reconcile.summary import summarise

    with errors():
        with bookkeeping(load_settings(config))() as store:
            summary = summarise(store, run)
            findings = [finding_of(record) for record in store.findings(run, tuple(State) if all_ else UNSETTLED)]
            repairs = store.repairs(run)
        if format_ is OutputFormat.TEXT:
            print(outcome_text(Outcome(summary.table, ExitCode(summary.exit_code), summary)))
            for line in _cut([finding_line(finding) for finding in findings], limit):
                print(line)
            for line in _cut([repair_line(repair) for repair in repairs], limit):
                print(line)
            return
        shown = [finding_json(finding) for finding in findings], [repair_json(repair) for repair in repairs]
        if format_ is OutputFormat.JSONL:
            for document in (*shown[0], *shown[1], summary_json(summary)):
                print(json.dumps(document, ensure_ascii=False))
        else:
            print(json.dumps({**summary_json(summary), "findings": shown[0], "written": shown[1]}, indent=2))


def _cut(lines: Sequence[str], limit: int) -> Iterator[str]:
    shown = lines if limit == 0 else lines[:limit]
    yield from shown
    if len(shown) < len(lines):
        yield f"... and {len(lines) - len(shown)} more: --limit 0"
