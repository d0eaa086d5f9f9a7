"""What the bookkeeping tables say: how each table stands, and what a run found and wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table

from reconcile.coverage import covered_through
from reconcile.durations import show_seconds
from reconcile.errors import ExitCode
from reconcile.findings import iso
from reconcile.model import ColumnDifference, Difference, Finding, TableRef
from reconcile.records import LogRecord, RepairRecord, RunRecord
from reconcile.report import SCHEMA_VERSION, VERDICTS
from reconcile.store import Store


@dataclass(frozen=True)
class TableStatus:
    """How one table stands."""

    table: str
    last: RunRecord | None
    open: dict[str, int]
    """Findings that still say the sides differ, by kind."""
    verified_through: datetime | None
    covered_through: datetime | None


def collect(store: Store, tables: Sequence[TableRef]) -> list[TableStatus]:
    """Read how the tables stand."""
    counts = store.open_counts()
    found = []
    for table in tables:
        by_kind: dict[str, int] = {}
        for (name, kind, _cause), count in counts.items():
            if name == table.source:
                by_kind[kind] = by_kind.get(kind, 0) + count
        last = next(iter(store.runs(table.source, limit=1)), None)
        verified = store.verified_through(table.source)
        found.append(TableStatus(table.source, last, by_kind, verified, covered_through(store, table)))
    return found


def status_table(found: Sequence[TableStatus], now: datetime) -> Table:
    """Return the status for a terminal."""
    table = Table("table", "last run", "open", "verified through", box=None, pad_edge=False)
    for each in found:
        still_open = ", ".join(f"{count} {kind}" for kind, count in sorted(each.open.items())) or "none"
        verified = f"{show_seconds((now - each.verified_through).total_seconds())} ago" if each.verified_through else ""
        table.add_row(each.table, _last(each.last, now), still_open, verified or "never")
    return table


def runs_table(runs: Sequence[RunRecord], now: datetime) -> Table:
    """Return the newest runs for a terminal."""
    table = Table("run", "table", "what", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for run in runs:
        table.add_row(str(run.run_id), run.table_name, _last(run, now))
    return table


def status_json(found: Sequence[TableStatus], runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the status as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tables": [
            {
                "table": each.table,
                "open": each.open,
                "verified_through": iso(each.verified_through),
                "covered_through": iso(each.covered_through),
                "last_run": run_json(each.last) if each.last else None,
            }
            for each in found
        ],
        "runs": [run_json(run) for run in runs],
    }


def run_json(run: RunRecord) -> dict[str, Any]:
    """Return a run as plain data."""
    return {
        "run_id": str(run.run_id),
        "table": run.table_name,
        "mode": run.mode.value,
        "state": run.state.value,
        "phase": run.phase.value,
        "repair": run.repair_policy.value,
        "dry_run": run.dry_run,
        "started": iso(run.started_at),
        "ended": iso(run.ended_at),
        "attempt": run.attempt,
        "exit_code": run.exit_code,
        "breaker": run.breaker,
    }


def _last(run: RunRecord | None, now: datetime) -> str:
    if run is None:
        return "never"
    ago = show_seconds((now - (run.ended_at or run.started_at)).total_seconds())
    if run.ended_at is None:
        return f"{run.mode}, {run.state} in phase {run.phase} since {ago}"
    verdict = VERDICTS[ExitCode(run.exit_code)] if run.exit_code is not None else run.state.value
    return f"{run.mode}, ended {ago} ago: {verdict}"


def finding_of(record: LogRecord) -> Finding:
    """Return a row of `reconciliation_log` as it was shown when it was confirmed, in its state of today."""
    return Finding(
        table=record.table_name,
        run_id=str(record.run_id),
        difference=Difference(
            (), record.kind, record.differing_columns, record.source_fingerprint, record.target_fingerprint
        ),
        key=record.pk,
        cause=record.cause,
        state=record.state,
        columns=tuple(ColumnDifference(**cell) for cell in record.diff),
        first_seen=record.first_seen,
        confirmed_at=record.confirmed_at,
        checks=record.checks,
    )


def repair_json(record: RepairRecord) -> dict[str, Any]:
    """Return a row of `reconciliation_repairs` as plain data, without the images of the row."""
    return {
        "type": "repair",
        "repair_id": record.repair_id,
        "log_id": record.log_id,
        "action": record.action.value,
        "outcome": record.outcome.value,
        "columns": list(record.columns),
        "detail": record.detail,
        "repaired_at": iso(record.repaired_at),
        "verified_at": iso(record.verified_at),
    }


def repair_line(record: RepairRecord) -> str:
    """Return a repair as one line of text."""
    columns = f" {', '.join(record.columns[:8])}" if record.columns else ""
    more = f" and {len(record.columns) - 8} more" if len(record.columns) > 8 else ""
    detail = f": {record.detail}" if record.detail else ""
    return f"{record.outcome:<15} {record.action} of finding {record.log_id}{columns}{more}{detail}"
