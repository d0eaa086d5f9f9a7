"""Findings for people: the differing cells as text, with the times at which ScyllaDB's were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from reconcile.journal import Journal
from reconcile.look import Seen
from reconcile.model import ColumnDifference, Finding, Key
from reconcile.records import NewFinding
from reconcile.schema import TablePlan

MOST_CHARACTERS: Final = 256
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_US: Final = 253_402_300_799_000_000
"""The last second of the year 9999: some clients write timestamps that are no times."""


class CellReader(Protocol):
    """Reads when cells of a row were written."""

    def read_cells(
        self, plan: TablePlan, key: Key, columns: Sequence[str]
    ) -> Mapping[str, tuple[int | None, int | None]]:
        """Return (write time in microseconds, TTL in seconds) by column."""
        ...


def describe(source: CellReader, plan: TablePlan, row: Seen) -> tuple[ColumnDifference, ...]:
    """Return the cells that differ where both sides have the row; nothing where one has none."""
    if not (row.difference and row.source and row.target) or not row.difference.columns:
        return ()
    written = source.read_cells(plan, row.key, row.difference.columns)
    positions = {column.name: index for index, column in enumerate(plan.values)}
    cells = []
    for name in row.difference.columns:
        rule = plan.column(name).rule
        ours, theirs = row.source[positions[name]], row.target.values[positions[name]]
        cells.append(
            ColumnDifference(
                name,
                _short(rule.show(rule.canonical_source(ours))),
                _short(rule.show(rule.canonical_target(theirs))),
                rule.name,
                written.get(name, (None, None))[0],
            )
        )
    return tuple(cells)


def newest_write(source: CellReader, plan: TablePlan, key: Key) -> datetime | None:
    """Return when the newest cell of a row was written; None when ScyllaDB does not tell."""
    cells = source.read_cells(plan, key, [column.name for column in plan.values])
    times = [written for written, _ in cells.values() if written is not None and 0 <= written <= _MOST_US]
    return _EPOCH + timedelta(microseconds=max(times)) if times else None


def to_finding(journal: Journal, finding: NewFinding) -> Finding:
    """Return a finding as it is told to the outside."""
    return Finding(
        table=journal.table,
        run_id=str(journal.run_id),
        difference=finding.difference,
        key=finding.key,
        cause=finding.cause,
        state=finding.state,
        columns=finding.columns,
        first_seen=finding.first_seen,
        confirmed_at=datetime.now(UTC),
        checks=finding.checks,
    )


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
