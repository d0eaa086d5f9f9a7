"""Findings as text for people, JSON for machines, and SQL for those who decide about extra rows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from reconcile.model import Finding, Kind

TEXT_COLUMNS: Final = 5
"""Differing columns that a line of text shows; the others are counted."""
TEXT_VALUE: Final = 40
JSON_VALUE: Final = 256
"""Characters of a value that are shown; the fingerprint stands for the rest."""


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data; long values are cut."""
    return {
        "type": "finding",
        "run_id": finding.run_id,
        "table": finding.table,
        "kind": finding.difference.kind.value,
        "state": finding.state.value,
        "cause": finding.cause.value,
        "pk": finding.key,
        "columns": [
            {
                "name": column.name,
                "scylla": _cut(column.source, JSON_VALUE),
                "pg": _cut(column.target, JSON_VALUE),
                "rule": column.rule,
                "writetime_us": column.writetime_us,
            }
            for column in finding.columns
        ],
        "scylla_fingerprint": finding.difference.source_fingerprint.hex(),
        "pg_fingerprint": finding.difference.target_fingerprint.hex(),
        "first_seen": iso(finding.first_seen),
        "confirmed_at": iso(finding.confirmed_at),
        "checks": finding.checks,
    }


def finding_line(finding: Finding) -> str:
    """Return a finding as one line of text, however many columns it has and however long they are."""
    key = ", ".join(f"{name}={_short(value)}" for name, value in finding.key.items())
    parts = [f"{finding.difference.kind.value:<11} {finding.table} {key}", f"cause {finding.cause.value}"]
    if finding.columns:
        shown = [
            f"{column.name}: {_short(column.source)} in ScyllaDB, {_short(column.target)} in PostgreSQL"
            for column in finding.columns[:TEXT_COLUMNS]
        ]
        rest = len(finding.columns) - len(shown)
        parts.append("; ".join([*shown, *([f"and {rest} more columns"] if rest else [])]))
    return "  ".join([*parts, finding.state.value])


def finding_sql(finding: Finding, target: str) -> str:
    """Return one line of SQL comment: for an extra row the DELETE that a person may decide to run."""
    if finding.difference.kind is not Kind.EXTRA:
        key = json.dumps(finding.key)
        return f"-- {finding.difference.kind.value} {key}: reconcile repair --run {finding.run_id}"
    table = ".".join(_identifier(part) for part in target.split("."))
    where = " AND ".join(f"{_identifier(name)} = {_literal(value)}" for name, value in finding.key.items())
    # Text for a person; nothing of ours executes it.
    return f"-- DELETE FROM {table} WHERE {where}; -- {finding.cause.value}"  # noqa: S608


def iso(moment: datetime | None) -> str | None:
    """Return a time as ISO 8601, for JSON."""
    return moment.isoformat() if moment else None


def _cut(value: str | None, length: int) -> str | None:
    return value if value is None or len(value) <= length else f"{value[:length]}…"


def _short(value: Any) -> str:
    """Return a value on one line: control characters escaped, NULL told from the text `NULL`."""
    if value is None:
        return "NULL"
    cut = _cut(str(value), TEXT_VALUE) or ""
    if not cut.isprintable():
        return json.dumps(cut)
    return json.dumps(cut, ensure_ascii=False) if cut in ("", "NULL") or " " in cut else cut


def _identifier(name: str) -> str:
    quoted = name.replace('"', '""')
    if quoted.isprintable():
        return f'"{quoted}"'
    escaped = _escaped(quoted, "\\+{:06X}")
    return f'U&"{escaped}"'


def _literal(value: Any) -> str:
    """Return an SQL literal that has no line break, so that it cannot leave its comment."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = (value if isinstance(value, str) else json.dumps(value)).replace("'", "''")
    escaped = _escaped(text, "\\U{:08X}")
    return f"'{text}'" if escaped == text else f"E'{escaped}'"


def _escaped(text: str, code: str) -> str:
    """Double the backslashes, and write what cannot be printed as its code point."""
    doubled = text.replace("\\", "\\\\")
    return "".join(character if character.isprintable() else code.format(ord(character)) for character in doubled)
