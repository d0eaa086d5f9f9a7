"""Gathers the evidence for the causes of findings: the CDC log, write times, PostgreSQL's commit times, type rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time
from typing import Any, Final

from reconcile.cause_rules import Cell, Event, Evidence, decide
from reconcile.cdclog import cdc_enabled_ms
from reconcile.compare import diff_row
from reconcile.errors import ConfigError
from reconcile.history import MOST_EVENTS, History, LoggedChange, RowHistory
from reconcile.incremental import log_start
from reconcile.log_changes import Operation, time_ms
from reconcile.model import Cause, Difference, Key, Kind
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.source import SourceClient
from reconcile.target import TargetClient, TargetRow
from reconcile.values_parameter import UnrepresentableError

_WRITES: Final = frozenset({Operation.INSERT, Operation.UPDATE})
_WANTED: Final = {Kind.MISSING: 1, Kind.EXTRA: MOST_EVENTS, Kind.MISMATCH: MOST_EVENTS}
"""Changes in the log that are looked for."""

Row = tuple[Any, ...]


@dataclass
class CauseContext:
    """What the tagging of one run shares."""

    lag_seconds: float = 120.0
    """How late the pipeline may apply a change when it works."""
    log_budget_seconds: float = 300.0
    """Time for reading the CDC log, of the whole run; what would need more stays unknown."""
    log_seconds: float = 0.0
    """Of it, what was used."""
    step: Callable[[], None] = lambda: None
    """Called between pages of the log; it may raise to stop the tagging."""


def tag_all(
    source: SourceClient,
    target: TargetClient,
    plan: TablePlan,
    differences: Sequence[Difference],
    context: CauseContext,
) -> list[Cause]:
    """Return the likely cause of each difference, in their order.

    Raises:
        SourceReadError, UnreachableError: a row could not be read.
    """
    keys = [difference.key for difference in differences if difference.kind is not Kind.INVALID_KEY]
    rows = source.read(plan, keys)
    copies = target.read(plan, keys, with_xmin=True)
    commits = target.commit_times({copy.xmin for copy in copies.values() if copy.xmin})
    gathering = _Gathering(source, plan, rows, copies, commits, context)
    histories = gathering.histories(differences)
    written = gathering.write_times(differences, histories)
    return [
        decide(gathering.evidence(each, histories.get(each.key), written.get(each.key, {}))) for each in differences
    ]


class _Gathering:
    """The evidence for one batch of differences."""

    def __init__(
        self,
        source: SourceClient,
        plan: TablePlan,
        rows: Mapping[Key, Row | None],
        copies: Mapping[Key, TargetRow],
        commits: Mapping[str, datetime],
        context: CauseContext,
    ) -> None:
        self._source = source
        self._plan = plan
        self._rows = rows
        self._copies = copies
        self._commits = commits
        self._context = context
        self._now_ms = round(time() * 1000)
        self._enabled_ms = cdc_enabled_ms(source, plan.ref)
        self._log_start_ms = self._find_log_start()
        self._images: dict[tuple[Key, bytes], bool] = {}

    def histories(self, differences: Sequence[Difference]) -> dict[Key, RowHistory]:
        """What the log says about the rows, and whether PostgreSQL holds one of their older states."""
        wanted = {each.key: _WANTED[each.kind] for each in differences if each.kind in _WANTED}
        if not wanted or self._log_start_ms >= self._now_ms:
            return {}
        began = monotonic()
        deadline = began + self._context.log_budget_seconds - self._context.log_seconds
        try:
            history = History(self._source, self._plan, self._log_start_ms, self._now_ms, self._context.step)
            found = history.rows(wanted, deadline)
            self._compare_images(history, found, deadline)
        except ConfigError:
            return {}  # no streams are published
        finally:
            self._context.log_seconds += monotonic() - began
        return found

    def write_times(
        self, differences: Sequence[Difference], histories: Mapping[Key, RowHistory]
    ) -> dict[Key, dict[str, int]]:
        """WRITETIME of the cells, ms, of rows that lack log entries or that have NULLs in PostgreSQL.

        Each costs a read, and for the other rows they tell what the log does.
        """
        wanted = [each.key for each in differences if self._rows.get(each.key) and self._needs_times(each, histories)]
        return {
            key: {name: written // 1000 for name, (written, _) in cells.items() if written is not None}
            for key, cells in self._source.read_cells(self._plan, wanted).items()
        }

    def _needs_times(self, difference: Difference, histories: Mapping[Key, RowHistory]) -> bool:
        copy, history = self._copies.get(difference.key), histories.get(difference.key)
        nulled = copy is not None and all(cell is None for cell in self._named(difference, copy.values))
        return nulled or history is None or not history.changes

    def evidence(self, difference: Difference, history: RowHistory | None, written: Mapping[str, int]) -> Evidence:
        """What is known about one difference; `written` are the write times of its cells, ms."""
        key = difference.key
        row, copy = self._rows.get(key), self._copies.get(key)
        committed = self._commits.get(copy.xmin or "") if copy else None
        logged = history.changes if history else []
        return Evidence(
            kind=difference.kind,
            now_ms=self._now_ms,
            log_start_ms=self._log_start_ms,
            lag_ms=round(self._context.lag_seconds * 1000),
            enabled_ms=self._enabled_ms,
            events=tuple(self._event(key, each) for each in logged),
            all_events=history is not None and history.complete,
            cells=self._cells(difference, row, copy, written),
            row_written_ms=max(written.values(), default=None),
            representable=row is None or all(map(_is_representable, self._plan.values, row)),
            default_ttl=self._plan.default_ttl_seconds > 0,
            committed_ms=None if committed is None else round(committed.timestamp() * 1000),
        )

    def _find_log_start(self) -> int:
        try:
            return log_start(self._source, self._plan, self._now_ms).ms
        except ConfigError:
            return self._now_ms  # no log

    def _compare_images(self, history: History, found: Mapping[Key, RowHistory], deadline: float) -> None:
        """See whether PostgreSQL holds what the rows were after their changes."""
        events = [
            (key, logged)
            for key, row in found.items()
            for logged in row.changes
            if key in self._copies and logged.change.operation in _WRITES
        ]
        images = history.images(events)
        for key, logged in events:
            if monotonic() >= deadline:
                found[key].complete = False
            elif (image := next(images)) is not None:
                equal = diff_row(self._plan, key, image, self._copies[key]) is None
                self._images[key, logged.change.time_id] = equal

    def _event(self, key: Key, logged: LoggedChange) -> Event:
        change = logged.change
        return Event(
            time_ms(change.time_id),
            change.operation,
            change.deletes_span,
            change.ttl_seconds,
            self._images.get((key, change.time_id)),
        )

    def _cells(
        self, difference: Difference, row: Row | None, copy: TargetRow | None, written: Mapping[str, int]
    ) -> tuple[Cell, ...]:
        if difference.kind is not Kind.MISMATCH or row is None or copy is None:
            return ()
        columns = [column for column in self._plan.values if column.name in difference.columns]
        sides = zip(columns, self._named(difference, row), self._named(difference, copy.values), strict=True)
        return tuple(
            Cell(ours is None, theirs is None, written.get(column.name), _is_lossy(column, ours))
            for column, ours, theirs in sides
        )

    def _named(self, difference: Difference, cells: Row) -> list[Any]:
        """The cells of the columns that differ."""
        return [
            cell for column, cell in zip(self._plan.values, cells, strict=True) if column.name in difference.columns
        ]


def _problem(column: ColumnPlan, cell: Any) -> UnrepresentableError | None:
    """Why PostgreSQL's column cannot hold a cell of ScyllaDB as it is."""
    try:
        column.rule.to_parameter(column.rule.canonical_source(cell))
    except UnrepresentableError as error:
        return error
    return None


def _is_representable(column: ColumnPlan, cell: Any) -> bool:
    problem = _problem(column, cell)
    return problem is None or problem.lossy


def _is_lossy(column: ColumnPlan, cell: Any) -> bool:
    problem = _problem(column, cell)
    return problem is not None and problem.lossy
