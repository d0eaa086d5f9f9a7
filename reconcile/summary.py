"""How a run ended, read back from its tables: the same after a resume, and the same days later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from reconcile.breaker import Differences
from reconcile.errors import ExitCode
from reconcile.model import Kind, Mode, RepairPolicy, State
from reconcile.queries import load
from reconcile.records import LogRecord, RunRecord, RunState
from reconcile.request import RunSummary
from reconcile.store import Store

STILL_OPEN = (State.OPEN, State.UNREPAIRABLE)


def differences(findings: Collection[LogRecord]) -> Differences:
    """Add up what was confirmed."""
    result = Differences()
    for finding in findings:
        if finding.state is not State.UNSTABLE:
            result.add(finding.kind, finding.differing_columns, finding.diff)
    return result


def exit_code(
    findings: Collection[LogRecord], fail_on: Collection[Kind], *, failed_units: int, stopped: bool
) -> ExitCode:
    """Return the exit code of a run that was not interrupted; `stopped` by a limit or the breaker."""
    if failed_units or stopped or any(finding.state is State.UNSTABLE for finding in findings):
        return ExitCode.INCOMPLETE
    if any(finding.state in STILL_OPEN and finding.kind in {*fail_on, Kind.INVALID_KEY} for finding in findings):
        return ExitCode.DIFFERENCES
    return ExitCode.CLEAN


def summarise(store: Store, run_id: UUID | str) -> RunSummary:
    """Read a run back.

    Raises:
        ConfigError: there is no such run.
    """
    run = store.run(run_id)
    findings = store.findings(run.run_id)
    totals = store.rows(load("totals"), {"run": run.run_id})[0]
    standing = [finding for finding in findings if finding.state in STILL_OPEN]
    confirmed = differences(findings)
    by_state = Counter(finding.state for finding in findings)
    return RunSummary(
        run_id=str(run.run_id),
        table=run.table_name,
        mode=run.mode,
        since=run.window_start,
        until=run.window_end,
        started_at=run.started_at,
        ended_at=run.ended_at or datetime.now(UTC),
        units={"total": totals["total"], "done": totals["done"], "failed": totals["failed"]},
        rows={
            "source": int(totals["source_rows"]),
            "target": int(totals["target_rows"]),
            "matched": int(totals["matched_rows"]),
        },
        found={
            **{kind.value: confirmed.by_kind[kind] for kind in Kind},
            "transient": int(totals["transient"]),
            "unstable": by_state[State.UNSTABLE],
            "unrepairable": by_state[State.UNREPAIRABLE],
        },
        open={kind.value: sum(finding.kind is kind for finding in standing) for kind in Kind},
        by_column=dict(confirmed.by_column),
        by_cause=dict(Counter(finding.cause.value for finding in findings)),
        repairs=_repairs(store, run.run_id),
        exit_code=ExitCode(run.exit_code if run.exit_code is not None else ExitCode.INCOMPLETE),
        ignored_columns=run.ignored_columns,
        lag_seconds=run.lag_seconds,
        verified_through=store.verified_through(run.table_name),
        notes=_notes(store, run),
        next_steps=tuple(_next_steps(run, totals, len(standing))),
    )


def _repairs(store: Store, run_id: UUID) -> dict[str, int]:
    """Outcomes of the last attempt at each finding."""
    return {row["outcome"]: row["count"] for row in store.rows(load("repair_outcomes"), {"run": run_id})}


def _notes(store: Store, run: RunRecord) -> tuple[str, ...]:
    notes = list(run.notes)
    if run.waits_by == "time":
        notes.append(
            "waited by time only: without pipeline.connect_url, kafka_bootstrap_servers and the table's topic nobody "
            "knows whether the pipeline had passed"
        )
    if run.breaker:
        notes.append(run.breaker)
    failed = store.rows(
        "SELECT unit_number, error FROM reconciliation_checkpoints WHERE run_id = %s AND state = 'failed' "
        "ORDER BY unit_number LIMIT 3",
        (run.run_id,),
    )
    notes += [f"unit {row['unit_number']} failed: {row['error']}" for row in failed]
    return tuple(notes)


def _next_steps(run: RunRecord, totals: dict[str, Any], still_open: int) -> list[str]:
    steps = []
    if run.state in (RunState.INTERRUPTED, RunState.CRASHED, RunState.INCOMPLETE):
        mode = "" if run.mode is Mode.FULL else f" --mode {run.mode}"
        steps.append(f"reconcile run --table {run.table_name}{mode} --resume {run.run_id}")
    if still_open:
        steps.append(f"reconcile show {run.run_id}")
        if run.repair_policy is RepairPolicy.NONE or run.dry_run:
            steps.append(f"reconcile repair --run {run.run_id} --dry-run")
    if totals["repaired"]:
        steps.append(f"reconcile undo --run {run.run_id}    (takes the repairs back)")
    return steps
