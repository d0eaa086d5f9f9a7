"""Step 3 and 4 of a repair: the guarded write with its images, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from reconcile.look import Seen
from reconcile.model import Key, Kind
from reconcile.records import Action, LogRecord, Outcome
from reconcile.repair_book import NewRepair, RepairBook
from reconcile.schema import TablePlan
from reconcile.statements import CURRENT_XID, LOCK_TIMEOUT, Statements
from reconcile.store import Connection
from reconcile.values_parameter import UnrepresentableError


class TooSlowError(Exception):
    """So much time went by since ScyllaDB was read that a change after it could have reached PostgreSQL already."""


class _RolledBack(Exception):  # noqa: N818 not an error: how a dry run leaves its transaction
    def __init__(self, repairs: list[NewRepair]) -> None:
        self.repairs = repairs


@dataclass(frozen=True)
class Planned:
    """A write that is ready to be made."""

    finding: LogRecord
    seen: Seen
    action: Action
    columns: tuple[str, ...]
    parameters: tuple[Any, ...]
    """INSERT: of the whole row. UPDATE: of the differing columns."""
    key_parameters: tuple[Any, ...]

    def ended(
        self, outcome: Outcome, detail: str | None = None, *, before: str | None = None, after: str | None = None
    ) -> NewRepair:
        """Return the row for the table of repairs."""
        difference = self.seen.difference
        return NewRepair(
            self.finding.log_id,
            self.action,
            outcome,
            self.columns,
            before,
            after,
            difference.source_fingerprint if difference else b"",
            self.seen.xmin,
            detail=detail,
        )


def plan_repair(plan: TablePlan, statements: Statements, finding: LogRecord, seen: Seen) -> Planned | NewRepair:
    """Return the write that makes PostgreSQL's row equal, or why there is none."""
    difference, row = seen.difference, seen.source
    action = Action.INSERT if finding.kind is Kind.MISSING else Action.UPDATE
    unchanged = (
        difference is not None
        and difference.kind is finding.kind
        and difference.source_fingerprint == finding.source_fingerprint
        and difference.target_fingerprint == finding.target_fingerprint
    )
    if difference is None or row is None or not unchanged:
        return NewRepair(finding.log_id, action, Outcome.SKIPPED_CHANGED, detail="changed since it was confirmed")
    columns = tuple(difference.columns) if action is Action.UPDATE else tuple(c.name for c in plan.columns)
    planned = Planned(finding, seen, action, columns, (), ())
    if counters := [name for name in columns if not plan.column(name).rule.is_repairable]:
        return planned.ended(Outcome.UNREPAIRABLE, f"{counters[0]} is a counter, which cannot be set")
    try:
        key_parameters = tuple(statements.key_parameters(seen.key))
        if action is Action.INSERT:
            parameters = tuple(statements.insert_parameters(seen.key, row))
        else:
            parameters = tuple(statements.value_parameters(columns, row))
    except UnrepresentableError as error:
        return planned.ended(Outcome.UNREPAIRABLE, str(error))
    return replace(planned, parameters=parameters, key_parameters=key_parameters)


class Writer:
    """Writes batches of one action each."""

    def __init__(
        self,
        book: RepairBook,
        statements: Statements,
        within_seconds: float,
        written: Callable[[Sequence[Key]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book = book
        self._statements = statements
        self._within_seconds = within_seconds
        self._written = written
        self._clock = clock

    def write(self, planned: Sequence[Planned], began: float) -> list[NewRepair]:
        """Write and commit. Done again after a lost connection, it leaves out what the first attempt committed.

        Raises:
            TooSlowError: `began` is too long ago; nothing was written.
            psycopg.Error: a row was refused; nothing was written.
        """

        def work(connection: Connection) -> list[NewRepair]:
            repairs = self._in_transaction(connection, self._without_committed(connection, planned), began)
            self._book.record(connection, [each for each in repairs if each.outcome is Outcome.APPLIED])
            self._check_time(began)
            return repairs

        return self._book.journal.store.transact(work)

    def try_out(self, planned: Sequence[Planned], began: float) -> list[NewRepair]:
        """Write, roll back, and record what would have been written."""

        def work(connection: Connection) -> None:
            raise _RolledBack(self._in_transaction(connection, planned, began))

        def record(connection: Connection) -> None:
            self._book.journal.fence(connection)
            self._book.record(connection, [each for each in repairs if each.outcome is Outcome.DRY_RUN])

        try:
            self._book.journal.store.transact(work)
        except _RolledBack as done:
            repairs = [
                replace(each, outcome=Outcome.DRY_RUN, xid=None) if each.outcome is Outcome.APPLIED else each
                for each in done.repairs
            ]
            self._book.journal.store.transact(record)
            return repairs
        raise AssertionError("a dry run cannot commit")

    def _in_transaction(self, connection: Connection, planned: Sequence[Planned], began: float) -> list[NewRepair]:
        self._book.journal.fence(connection)
        connection.execute(LOCK_TIMEOUT)
        ((xid,),) = connection.execute(CURRENT_XID).fetchall()
        write = self._insert if planned and planned[0].action is Action.INSERT else self._update
        repairs = [replace(each, xid=xid) for each in write(connection, planned)]
        self._written([each.seen.key for each in planned])
        self._check_time(began)
        return repairs

    def _check_time(self, began: float) -> None:
        took = self._clock() - began
        if took > self._within_seconds:
            raise TooSlowError(
                f"reading and writing took {took:.1f} s, more than the {self._within_seconds:.1f} s in which no newer "
                "change can have come through the pipeline"
            )

    def _without_committed(self, connection: Connection, planned: Sequence[Planned]) -> list[Planned]:
        committed = connection.execute(
            "SELECT log_id FROM reconciliation_repairs WHERE log_id = ANY(%s) AND outcome = 'applied' "
            "AND action IN ('insert', 'update') AND verified_at IS NULL",
            ([each.finding.log_id for each in planned],),
        ).fetchall()
        done = {log_id for (log_id,) in committed}
        return [each for each in planned if each.finding.log_id not in done]

    def _insert(self, connection: Connection, planned: Sequence[Planned]) -> list[NewRepair]:
        with connection.pipeline():
            cursors = [connection.execute(self._statements.insert, each.parameters) for each in planned]
            images = [_image(cursor) for cursor in cursors]
        return [
            each.ended(Outcome.SKIPPED_CHANGED, "PostgreSQL has the row by now")
            if image is None
            else each.ended(Outcome.APPLIED, after=image)
            for each, image in zip(planned, images, strict=True)
        ]

    def _update(self, connection: Connection, planned: Sequence[Planned]) -> list[NewRepair]:
        with connection.pipeline():
            locks = [
                connection.execute(self._statements.lock, (*each.key_parameters, each.seen.xmin)) for each in planned
            ]
            befores = [_image(cursor) for cursor in locks]
            updates = [
                connection.execute(
                    self._statements.update(each.columns), (*each.parameters, *each.key_parameters, each.seen.xmin)
                )
                if before is not None
                else None
                for each, before in zip(planned, befores, strict=True)
            ]
            afters = [_image(cursor) if cursor else None for cursor in updates]
        return [
            each.ended(Outcome.SKIPPED_CHANGED, "PostgreSQL's row was changed, or is being changed")
            if after is None
            else each.ended(Outcome.APPLIED, before=before, after=after)
            for each, before, after in zip(planned, befores, afters, strict=True)
        ]


def _image(cursor: psycopg.Cursor[Any]) -> str | None:
    row = cursor.fetchone()
    return row[0] if row else None
