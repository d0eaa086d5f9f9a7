"""How runs ended: a few lines for people, one JSON document for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconcile.batch import Outcome, exit_code
from reconcile.durations import show_seconds
from reconcile.errors import ExitCode
from reconcile.findings import iso
from reconcile.request import RunSummary

SCHEMA_VERSION: Final = 1
"""Of the JSON documents; grows when a field changes its meaning or goes away, not when one is added."""

VERDICTS: Final[Mapping[ExitCode, str]] = {
    ExitCode.CLEAN: "clean",
    ExitCode.DIFFERENCES: "differences are open",
    ExitCode.CONFIG: "not run: usage, configuration or schema",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.UNREACHABLE: "a database or service does not answer",
    ExitCode.ALREADY_RUNNING: "another run holds the table",
    ExitCode.INTERRUPTED: "interrupted; --resume goes on",
}


def summary_json(summary: RunSummary) -> dict[str, Any]:
    """Return one run as plain data."""
    seconds = (summary.ended_at - summary.started_at).total_seconds()
    return {
        "type": "summary",
        "schema_version": SCHEMA_VERSION,
        "run_id": summary.run_id,
        "table": summary.table,
        "mode": summary.mode.value,
        "window": {"since": iso(summary.since), "until": iso(summary.until)},
        "started": iso(summary.started_at),
        "ended": iso(summary.ended_at),
        "units": dict(summary.units),
        "rows": dict(summary.rows),
        "found": dict(summary.found),
        "open": dict(summary.open),
        "by_column": dict(summary.by_column),
        "by_cause": dict(summary.by_cause),
        "repairs": dict(summary.repairs),
        "ignored_columns": list(summary.ignored_columns),
        "lag_seconds": summary.lag_seconds,
        "rows_per_second": round(summary.rows.get("source", 0) / seconds, 1) if seconds > 0 else None,
        "verified_through": iso(summary.verified_through),
        "exit_code": int(summary.exit_code),
        "notes": list(summary.notes),
        "next_steps": list(summary.next_steps),
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return how one table ended as plain data, also when there is no summary."""
    if outcome.summary is not None:
        return summary_json(outcome.summary)
    return {
        "type": "error",
        "schema_version": SCHEMA_VERSION,
        "table": outcome.table,
        "exit_code": int(outcome.exit_code),
        "error": outcome.error,
    }


def batch_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return all runs of a batch as one document."""
    return {
        "schema_version": SCHEMA_VERSION,
        "exit_code": int(exit_code(outcomes)),
        "runs": [outcome_json(outcome) for outcome in outcomes],
    }


def outcome_text(outcome: Outcome) -> str:
    """Return how one table ended, for people."""
    if outcome.summary is None:
        return f"{outcome.table}: {VERDICTS[outcome.exit_code]}\n  {outcome.error}"
    summary = outcome.summary
    seconds = (summary.ended_at - summary.started_at).total_seconds()
    lines = [
        f"{summary.table}: {VERDICTS[summary.exit_code]}",
        f"  run          {summary.run_id}, {summary.mode.value}{_window(summary)}, {show_seconds(seconds)}",
        f"  rows         {_counts(summary.rows)}",
        f"  units        {_counts(summary.units)}",
        f"  found        {_counts(summary.found)}",
    ]
    optional = {
        "open": _counts(summary.open) if any(summary.open.values()) else "",
        "by cause": _counts(summary.by_cause),
        "by column": _top(summary.by_column),
        "repairs": _counts(summary.repairs) if any(summary.repairs.values()) else "",
        "ignored": ", ".join(summary.ignored_columns),
        "lag": show_seconds(summary.lag_seconds) if summary.lag_seconds is not None else "",
        "verified": f"through {iso(summary.verified_through)}" if summary.verified_through else "",
    }
    lines += [f"  {name:<12} {value}" for name, value in optional.items() if value]
    lines += [f"  note         {note}" for note in summary.notes]
    lines += [f"  next         {step}" for step in summary.next_steps]
    return "\n".join(lines)


def _window(summary: RunSummary) -> str:
    return f" since {iso(summary.since)} until {iso(summary.until)}" if summary.since else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _top(counts: Mapping[str, int], shown: int = 8) -> str:
    """Return the largest counts; a table may have a thousand columns."""
    if not counts:
        return ""
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = len(largest) - shown
    return _counts(dict(largest[:shown])) + (f" and {rest} more columns" if rest > 0 else "")
