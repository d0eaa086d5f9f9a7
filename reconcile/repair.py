"""Repairs confirmed findings, without ever undoing a change of the source that is on its way.

For a batch of rows: (1) read PostgreSQL with xmin, (2) read ScyllaDB, (3) write what ScyllaDB has, only over the
version seen, together with the images of the row, (4) commit, (5) read both again. A change of the source after (2)
reaches PostgreSQL after (4), because the connector stays behind the clock by its confidence window and (2) to (4) has
to take less; it then overwrites what was written here. A row that was absent at (1) has no version to guard, so an
insert is taken back when (5) finds that the source has deleted or changed the row. Nothing waits for a row that the
sink holds: what cannot be done because of that is done in the next pass, or by the next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg

from reconcile.control import Control
from reconcile.keys import key_from_json
from reconcile.look import BATCH_ROWS, Seen, SourceReader, TargetReader, batches, look
from reconcile.model import Key, Kind, RepairPolicy, State
from reconcile.records import Action, LogRecord, Outcome
from reconcile.repair_book import NewRepair, RepairBook, Unverified
from reconcile.repair_write import Planned, TooSlowError, Writer, plan_repair
from reconcile.schema import TablePlan
from reconcile.statements import LOCK_TIMEOUT, Statements
from reconcile.store import Connection

REPAIRED_KINDS: Final[Mapping[RepairPolicy, tuple[Kind, ...]]] = {
    RepairPolicy.NONE: (),
    RepairPolicy.MISSING: (Kind.MISSING,),
    RepairPolicy.MISMATCH: (Kind.MISMATCH,),
    RepairPolicy.ALL: (Kind.MISSING, Kind.MISMATCH),
}
"""Extra rows are in none of them: they are never deleted."""


class Step(StrEnum):
    """Steps of the protocol, as an observer sees them when they are done."""

    TARGET_READ = "target_read"
    SOURCE_READ = "source_read"
    WRITTEN = "written"
    COMMITTED = "committed"
    REREAD = "reread"


Observer = Callable[[Step, Sequence[Key]], None]


@dataclass(frozen=True)
class RepairOptions:
    """What may be repaired, and how."""

    kinds: tuple[Kind, ...]
    write_within_seconds: float
    """From the read of ScyllaDB to the commit; well below the connector's confidence window."""
    dry_run: bool = False
    passes: int = 4
    """How often a row that changed meanwhile is tried."""
    requeue_seconds: float = 2.0
    """Pause before the second pass; twice as long before each further one."""


class Repairer:
    """Repairs the findings of one run. Can be killed at any point and started again."""

    def __init__(
        self,
        book: RepairBook,
        plan: TablePlan,
        source: SourceReader,
        target: TargetReader,
        options: RepairOptions,
        control: Control,
        observe: Observer = lambda _step, _keys: None,
    ) -> None:
        self._book = book
        self._plan = plan
        self._source = source
        self._target = target
        self._options = options
        self._control = control
        self._observe = observe
        self._statements = Statements(plan)
        self._writer = Writer(book, self._statements, options.write_within_seconds, lambda k: observe(Step.WRITTEN, k))
        self._skipped: dict[int, NewRepair] = {}
        self._given_up: set[int] = set()
        self._held: set[int] = set()
        """Repairs that the last verification left because another transaction holds their row."""

    def run(self) -> None:
        """Verify what an earlier attempt committed, then repair what is open; rows that changed get further passes."""
        for number in range(self._options.passes):
            if number:
                self._control.sleep(self._options.requeue_seconds * 2 ** (number - 1))
            self._skipped.clear()
            if not self._options.dry_run:
                self._verify(self._book.unverified())
            self._pass()
            if not self._skipped and not self._held:
                return
        self._record(list(self._skipped.values()))

    def _pass(self) -> None:
        after = 0
        while found := self._book.open_findings(self._options.kinds, BATCH_ROWS, after, dry_run=self._options.dry_run):
            after = found[-1].log_id
            self._control.check()
            self._batch([finding for finding in found if finding.log_id not in self._given_up])

    def _batch(self, findings: Sequence[LogRecord]) -> None:
        """Steps 1 and 2 for a batch, then the rest for what is to be written."""
        if not findings:
            return
        rows = {key_from_json(self._plan, finding.pk): finding for finding in findings}
        keys = list(rows)
        began = time.monotonic()
        seen = look(self._source, self._target, self._plan, keys, lambda: self._observe(Step.TARGET_READ, keys))
        self._observe(Step.SOURCE_READ, keys)
        self._book.settle([rows[key].log_id for key, row in seen.items() if row.difference is None])
        planned: list[Planned] = []
        for key, row in seen.items():
            if row.difference is None:
                continue
            decided = plan_repair(self._plan, self._statements, rows[key], row)
            if isinstance(decided, Planned):
                planned.append(decided)
            else:
                self._leave(decided)
        # Waiting for a row that the sink inserts must not happen with rows locked that it updates.
        for action in (Action.INSERT, Action.UPDATE):
            self._write([each for each in planned if each.action is action], began)

    def _write(self, planned: Sequence[Planned], began: float) -> None:
        """Steps 3 to 5; what PostgreSQL refuses is cut in halves until the row is found that it cannot take."""
        if not planned:
            return
        try:
            if self._options.dry_run:
                outcomes = self._writer.try_out(planned, began)
            else:
                outcomes = self._writer.write(planned, began)
        except (TooSlowError, psycopg.Error) as error:
            self._refused(planned, began, error)
            return
        self._after_commit(outcomes, [each.seen.key for each in planned])

    def _after_commit(self, outcomes: Sequence[NewRepair], keys: Sequence[Key]) -> None:
        for repair in outcomes:
            if repair.outcome is Outcome.SKIPPED_CHANGED:
                self._leave(repair)
        if not self._options.dry_run:
            self._observe(Step.COMMITTED, keys)
            self._verify(self._book.unverified())

    def _refused(self, planned: Sequence[Planned], began: float, error: Exception) -> None:
        if len(planned) == 1:
            self._leave(planned[0].ended(*_blame(error)))
            return
        middle = len(planned) // 2
        for half in (planned[:middle], planned[middle:]):
            if isinstance(error, TooSlowError):
                self._batch([each.finding for each in half])  # what was read is too old by now
            else:
                self._write(half, began)

    def _leave(self, repair: NewRepair) -> None:
        """Try a changed row again in the next pass; record at once what will not get better."""
        if repair.outcome is Outcome.SKIPPED_CHANGED:
            self._skipped[repair.log_id] = repair
        else:
            self._given_up.add(repair.log_id)
            self._record([repair])

    def _record(self, repairs: Sequence[NewRepair]) -> None:
        def work(connection: Connection) -> None:
            self._book.journal.fence(connection)
            self._book.record(connection, repairs)
            unrepairable = [repair.log_id for repair in repairs if repair.outcome is Outcome.UNREPAIRABLE]
            self._book.set_state(connection, unrepairable, State.UNREPAIRABLE)

        self._book.journal.store.transact(work)

    def _verify(self, repairs: Sequence[Unverified]) -> None:
        """Step 5: read both sides again, take back inserts that the source does not want any more."""
        self._held.clear()
        for batch in batches(repairs):
            rows = {key_from_json(self._plan, repair.pk): repair for repair in batch}
            seen = look(self._source, self._target, self._plan, list(rows))
            self._observe(Step.REREAD, list(rows))
            self._judge(rows, seen)

    def _judge(self, rows: Mapping[Key, Unverified], seen: Mapping[Key, Seen]) -> None:
        equal = [repair.log_id for key, repair in rows.items() if seen[key].difference is None]

        def work(connection: Connection) -> set[int]:
            held = set()
            self._book.journal.fence(connection)
            connection.execute(LOCK_TIMEOUT)
            for key, repair in rows.items():
                if judged := self._judged(connection, key, repair, seen[key]):
                    self._book.set_verified(connection, [repair.repair_id], *judged)
                else:
                    held.add(repair.repair_id)
            self._book.set_state(connection, equal, State.REPAIRED)
            return held

        self._held |= self._book.journal.store.transact(work)

    def _judged(
        self, connection: Connection, key: Key, repair: Unverified, row: Seen
    ) -> tuple[Outcome, str | None] | None:
        """What a repair came to; None when that shows only after another transaction has ended."""
        difference = row.difference
        if difference is None:
            return Outcome.APPLIED, None
        if difference.source_fingerprint == repair.source_fingerprint:
            if row.xmin != repair.xid:
                return Outcome.APPLIED, "older changes came through the pipeline after the write"
            self._given_up.add(repair.log_id)
            return Outcome.APPLIED, "still different: a trigger or a rule of the table changes what is written"
        if repair.action is Action.INSERT and row.xmin == repair.xid:
            parameters: list[Any] = [*self._statements.key_parameters(key), repair.xid]
            if connection.execute(self._statements.claim, parameters).fetchone():
                connection.execute(self._statements.delete, parameters)
                return Outcome.REVERTED, "the source had deleted or changed the row meanwhile"
            if connection.execute(self._statements.exists, parameters).fetchone():
                return None
        return Outcome.APPLIED, "the source changed the row after it was read; that change overwrites this one"


def _blame(error: Exception) -> tuple[Outcome, str]:
    """What the refusal of a single row means."""
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, TooSlowError):
        return Outcome.SKIPPED_CHANGED, text
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return Outcome.SKIPPED_CHANGED, "another transaction holds the row"
    if isinstance(error, psycopg.errors.SerializationFailure):
        return Outcome.SKIPPED_CHANGED, text
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return Outcome.UNREPAIRABLE, text
    return Outcome.FAILED, text
