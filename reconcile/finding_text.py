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
from reconcile.source import CellTimes

MOST_CHARACTERS: Final = 256
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_US: Final = 253_402_300_799_000_000
"""The last second of the year 9999: some clients write timestamps that are no times."""


class CellReader(Protocol):
    """Reads when cells of rows were written."""

    def read_cells(self, plan: TablePlan, keys: Sequence[Key]) -> Mapping[Key, CellTimes]:
        """Return write times and TTL by column, of each row that exists."""
        ...


def describe(source: CellReader, plan: TablePlan, rows: Sequence[Seen]) -> list[tuple[ColumnDifference, ...]]:
    """Return the cells of each row that differ where both sides have it; nothing where one has none."""
    times = source.read_cells(plan, [row.key for row in rows if row.difference and row.difference.columns])
    return [_differing(plan, row, times.get(row.key, {})) for row in rows]


def _differing(plan: TablePlan, row: Seen, times: CellTimes) -> tuple[ColumnDifference, ...]:
    if not (row.difference and row.source and row.target):
        return ()
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
                times.get(name, (None, None))[0],
            )
        )
    return tuple(cells)


def newest_writes(source: CellReader, plan: TablePlan, keys: Sequence[Key]) -> dict[Key, datetime]:
    """Return when the newest cell of each row was written; rows of which ScyllaDB does not tell are left out."""
    newest = {}
    for key, cells in source.read_cells(plan, keys).items():
        times = [written for written, _ in cells.values() if written is not None and 0 <= written <= _MOST_US]
        if times:
            newest[key] = _EPOCH + timedelta(microseconds=max(times))
    return newest


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
