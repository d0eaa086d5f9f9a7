"""Takes the repairs of a run back, each only if the row is still as the repair left it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from reconcile.control import Control
from reconcile.keys import key_from_json
from reconcile.look import BATCH_ROWS
from reconcile.model import State
from reconcile.records import Action, Outcome
from reconcile.repair_book import NewRepair, RepairBook, Undoable
from reconcile.schema import TablePlan
from reconcile.statements import CURRENT_XID, Statements
from reconcile.store import Connection


@dataclass(frozen=True)
class UndoResult:
    """What an undo did."""

    undone: int
    skipped_changed: int
    """Rows that were written since by somebody else, or are being written; they stay as they are."""


class Undoer:
    """Replays the before-images of a run's repairs, newest first. Doing it twice does nothing more."""

    def __init__(self, book: RepairBook, plan: TablePlan, control: Control, *, dry_run: bool = False) -> None:
        self._book = book
        self._plan = plan
        self._control = control
        self._dry_run = dry_run
        self._statements = Statements(plan)

    def run(self) -> UndoResult:
        """Take back what can be taken back; findings become open again."""
        undone = skipped = 0
        before: int | None = None
        while batch := self._book.undoable(BATCH_ROWS, before):
            before = batch[-1].repair_id
            self._control.check()
            outcomes = self._undo(batch)
            undone += sum(outcome is not Outcome.SKIPPED_CHANGED for outcome in outcomes)
            skipped += sum(outcome is Outcome.SKIPPED_CHANGED for outcome in outcomes)
        return UndoResult(undone, skipped)

    def _undo(self, batch: Sequence[Undoable]) -> list[Outcome]:
        done: list[NewRepair] = []

        def work(connection: Connection) -> None:
            done.clear()
            self._book.journal.fence(connection)
            ((xid,),) = connection.execute(CURRENT_XID).fetchall()
            done.extend(self._undo_one(connection, repair, xid) for repair in batch)
            if self._dry_run:
                raise _RolledBack
            self._book.record(connection, done)
            reopened = [repair.log_id for repair in done if repair.outcome is Outcome.APPLIED]
            self._book.set_state(connection, reopened, State.OPEN)

        with suppress(_RolledBack):
            self._book.journal.store.transact(work)
        return [repair.outcome for repair in done]

    def _undo_one(self, connection: Connection, repair: Undoable, xid: str) -> NewRepair:
        # Locked first without waiting, which keeps reconcile out of every deadlock with the sink.
        version: list[Any] = [*self._statements.key_parameters(key_from_json(self._plan, repair.pk)), repair.xid]
        if repair.action is Action.INSERT:
            action, lock = Action.UNDO_INSERT, self._statements.claim
            statement, parameters = self._statements.delete, version
        else:
            action, lock = Action.UNDO_UPDATE, self._statements.lock
            statement, parameters = self._statements.restore(repair.columns), [repair.repair_id, *version]
        is_ours = connection.execute(lock, version).fetchone()
        row = connection.execute(statement, parameters).fetchone() if is_ours else None
        outcome = Outcome.APPLIED if row else Outcome.SKIPPED_CHANGED
        detail = None if row else "the row was written since, or is being written"
        inserted = action is Action.UNDO_INSERT
        return NewRepair(
            repair.log_id,
            action,
            outcome,
            repair.columns,
            before=row[0] if row and inserted else None,
            after=row[0] if row and not inserted else None,
            seen_xmin=repair.xid,
            xid=xid,
            detail=detail,
            undoes=repair.repair_id,
        )


class _RolledBack(Exception):  # noqa: N818 not an error: how a dry run leaves its transaction
    pass
