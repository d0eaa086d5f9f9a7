"""Brings single rows of PostgreSQL to what ScyllaDB has now, for keys that somebody else knows to be behind.

The order of `repair` keeps everything newer: (1) read PostgreSQL with xmin, (2) read ScyllaDB, (3) write only over the
version seen, (4) commit within half of the connector's confidence window, (5) read both again. No record of a queue is
ever written, so that a replay cannot go back in time. Rows that only PostgreSQL has stay, except those whose delete the
caller holds in hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg

from reconcile.look import Seen, SourceReader, TargetReader, batches, look
from reconcile.model import Key, Kind
from reconcile.repair_write import TooSlowError
from reconcile.schema import TablePlan
from reconcile.statements import CURRENT_XID, LOCK_TIMEOUT, Statements
from reconcile.values_parameter import UnrepresentableError

BATCH_ROWS: Final = 100
"""Few enough to be written in a fraction of a second after they were read."""
_HELD: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_REFUSALS: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException)


class Replayed(StrEnum):
    """How the replay of a key ended."""

    WRITTEN = "written"
    EQUAL = "equal"
    """Both sides were equal already, or the pipeline made them equal meanwhile."""
    DELETED = "deleted"
    EXTRA = "extra"
    """PostgreSQL has a row that ScyllaDB has not, and no delete of it is known."""
    CHANGING = "changing"
    """A side changed at every attempt."""
    REFUSED = "refused"
    """PostgreSQL still refuses the row."""

    @property
    def is_done(self) -> bool:
        """Whether both sides are equal now."""
        return self in (Replayed.WRITTEN, Replayed.EQUAL, Replayed.DELETED)


@dataclass(frozen=True)
class Result:
    """The end of a key's replay."""

    outcome: Replayed
    detail: str = ""
    """Why it is not done; holds no value of the row."""


class Replayer:
    """Replays keys of one table.

    Args:
        connection: of a role that may write the table, without autocommit.
        write_within_seconds: from the read of ScyllaDB to the commit; well below the connector's confidence window.
        passes: how often a row that changed meanwhile is tried, `pause_seconds` apart, doubled each time.
    """

    def __init__(
        self,
        plan: TablePlan,
        source: SourceReader,
        target: TargetReader,
        connection: psycopg.Connection[tuple[Any, ...]],
        *,
        write_within_seconds: float,
        passes: int = 4,
        pause_seconds: float = 1.0,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._source = source
        self._target = target
        self._connection = connection
        self._within_seconds = write_within_seconds
        self._passes = passes
        self._pause_seconds = pause_seconds
        self._wait = wait
        self._clock = clock
        self._statements = Statements(plan)

    def replay(self, keys: Sequence[Key], deletable: Collection[Key] = ()) -> dict[Key, Result]:
        """Bring the rows of these keys up to date. Rows of `deletable` may be deleted when ScyllaDB has none.

        Raises:
            ReconcileError, psycopg.OperationalError: a database does not answer; keys already done stay done.
        """
        results: dict[Key, Result] = {}
        for batch in batches(keys, BATCH_ROWS):
            open_keys = batch
            for number in range(self._passes):
                if number:
                    self._wait(self._pause_seconds * 2 ** (number - 1))
                found = self._pass(open_keys, deletable)
                results |= found
                open_keys = [key for key, result in found.items() if result.outcome is Replayed.CHANGING]
                if not open_keys:
                    break
        return results

    def _pass(self, keys: Sequence[Key], deletable: Collection[Key]) -> dict[Key, Result]:
        began = self._clock()
        results: dict[Key, Result] = {}
        written: dict[Key, tuple[Seen, str]] = {}
        for key, seen in look(self._source, self._target, self._plan, keys).items():
            if seen.difference is None:
                results[key] = Result(Replayed.EQUAL)
                continue
            result, xid = self._row(key, seen, deletable, began)
            results[key] = result
            if xid:
                written[key] = (seen, xid)
        return results | self._verified(written, results)

    def _row(self, key: Key, seen: Seen, deletable: Collection[Key], began: float) -> tuple[Result, str | None]:
        """Steps 3 and 4 for one row; with the transaction's id when something was written."""
        if seen.source is None and key not in deletable:
            return Result(Replayed.EXTRA, "ScyllaDB has no such row, and no delete of it is in the queue"), None
        try:
            with self._connection.transaction():
                self._connection.execute(LOCK_TIMEOUT)
                ((xid,),) = self._connection.execute(CURRENT_XID).fetchall()
                changed = self._write(key, seen)
                if changed and self._clock() - began > self._within_seconds:
                    raise TooSlowError
        except _HELD:
            return Result(Replayed.CHANGING, "another transaction holds the row"), None
        except TooSlowError:
            return Result(Replayed.CHANGING, "the databases answer too slowly to write safely"), None
        except UnrepresentableError as error:
            return Result(Replayed.REFUSED, f"PostgreSQL cannot hold the value: {error}"), None
        except _REFUSALS as error:
            return Result(Replayed.REFUSED, refusal(error)), None
        if not changed:
            return Result(Replayed.CHANGING, "the row was changed in PostgreSQL meanwhile"), None
        return Result(Replayed.DELETED if seen.source is None else Replayed.WRITTEN), str(xid)

    def _write(self, key: Key, seen: Seen) -> bool:
        """Whether the version seen was still there, and is now as ScyllaDB has it."""
        key_parameters = self._statements.key_parameters(key)
        if seen.source is None:
            return self._execute(self._statements.delete, [*key_parameters, seen.xmin])
        assert seen.difference is not None  # noqa: S101 equal rows are not written; this tells the type checker
        if seen.difference.kind is Kind.MISSING:
            return self._execute(self._statements.insert, self._statements.insert_parameters(key, seen.source))
        columns = seen.difference.columns
        values = self._statements.value_parameters(columns, seen.source)
        return self._execute(self._statements.update(columns), [*values, *key_parameters, seen.xmin])

    def _execute(self, statement: psycopg.sql.Composed, parameters: Sequence[Any]) -> bool:
        return self._connection.execute(statement, parameters).rowcount == 1

    def _verified(self, written: dict[Key, tuple[Seen, str]], results: dict[Key, Result]) -> dict[Key, Result]:
        """Step 5: what differs again is tried again; an insert that the source does not want any more is taken back."""
        verified: dict[Key, Result] = {}
        if not written:
            return verified
        for key, seen in look(self._source, self._target, self._plan, list(written)).items():
            if seen.difference is None:
                verified[key] = results[key]
                continue
            before, xid = written[key]
            if before.target is None and seen.xmin == xid and seen.source is None:
                with self._connection.transaction():
                    self._execute(self._statements.delete, [*self._statements.key_parameters(key), xid])
            verified[key] = Result(Replayed.CHANGING, "the row was changed in ScyllaDB meanwhile")
        return verified


def refusal(error: psycopg.Error) -> str:
    """Return why PostgreSQL refuses a row: SQLSTATE with its name, table, column, constraint. Never a value."""
    diagnostics = error.diag
    parts = [f"SQLSTATE {error.sqlstate} ({type(error).__name__})"]
    for what, name in (
        ("table", diagnostics.table_name),
        ("column", diagnostics.column_name),
        ("constraint", diagnostics.constraint_name),
    ):
        parts += [f"{what} {name}"] if name else []
    return " ".join(parts)
