"""`cdc smoke`: write rows by CQL and measure when PostgreSQL shows each change.

Inserts, partial updates and deletes of rows that this run makes up; at the end none of them is left.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import psycopg
from psycopg import sql

from components.scylla.session import CqlSession
from ops.databases import connected
from ops.demo_rows import DELETE_USER, INSERT_USER, UPDATE_AGE, USERS, new_id, user_row
from ops.errors import OpsError
from ops.outputs import StackOutputs
from ops.progress import Step

DEFAULT_ROWS: Final = 20
_SPACING_SECONDS: Final = 0.053  # no divisor of a usual window, so that writes fall on all parts of it
_POLL_SECONDS: Final = 0.01
_MIN_DEADLINE_SECONDS: Final = 180.0
"""On a busy machine a connector that has just started takes minutes for its first rows."""
_UPDATED_AGE: Final = 99


@dataclass(frozen=True)
class User:
    """What PostgreSQL shows of a row of this run."""

    name: str
    email: str
    age: int | None


class Target(Protocol):
    """Where the rows are expected."""

    def users(self, ids: Sequence[UUID]) -> dict[UUID, User]:
        """Return the rows that are there."""
        ...


@dataclass(frozen=True)
class SmokeResult:
    """Milliseconds from the CQL write to the change in PostgreSQL, by kind of change."""

    insert_ms: tuple[float, ...]
    update_ms: tuple[float, ...]
    delete_ms: tuple[float, ...]
    window_ms: int
    confidence_ms: int

    @property
    def all_ms(self) -> tuple[float, ...]:
        """Every measurement."""
        return self.insert_ms + self.update_ms + self.delete_ms

    def sentence(self) -> str:
        """Return the result in one line."""
        return (
            f"{len(self.insert_ms)} rows inserted, updated and deleted; CQL write to PostgreSQL p50 "
            f"{percentile(self.all_ms, 50) / 1000:.2f} s, p99 {percentile(self.all_ms, 99) / 1000:.2f} s"
        )

    def figures(self) -> list[tuple[str, str]]:
        """Return what was measured, as pairs for a table."""
        kinds = (("insert", self.insert_ms), ("partial update", self.update_ms), ("delete", self.delete_ms))
        rows = [
            (
                f"CQL {kind} to PostgreSQL, {len(measured)} rows",
                f"p50 {percentile(measured, 50) / 1000:.2f} s, p99 {percentile(measured, 99) / 1000:.2f} s",
            )
            for kind, measured in kinds
        ]
        return [*rows, ("configured window + confidence", f"{self.window_ms} ms + {self.confidence_ms} ms")]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def demo_table_missing(outputs: StackOutputs) -> str:
    """Return why a smoke run is impossible on this stack; empty when it is possible."""
    table = outputs.table(USERS)
    return "" if table else f"the stack does not replicate the demo table {USERS}"


def run_smoke(outputs: StackOutputs, rows: int, step: Step) -> SmokeResult:
    """Run it against the stack.

    Raises:
        OpsError: The stack lacks the demo table, a change did not arrive in time, or arrived wrong.
    """
    table = outputs.table(USERS)
    if table is None:
        raise OpsError(f"The smoke run needs the demo table {USERS}, which this stack does not replicate.")
    with connected(outputs) as (session, connection):
        target = PostgresTarget(connection, table.target)
        return measure_smoke(session, target, rows, outputs.window_ms, outputs.confidence_ms, step)


class PostgresTarget:
    """The users in PostgreSQL."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]", table: str) -> None:
        self._connection = connection
        self._query = sql.SQL("SELECT id, name, email, age FROM {} WHERE id = ANY(%s)").format(
            sql.Identifier(*table.split("."))
        )

    def users(self, ids: Sequence[UUID]) -> dict[UUID, User]:
        """Return the rows that are there."""
        found = self._connection.execute(self._query, (list(ids),)).fetchall()
        return {row[0]: User(*row[1:]) for row in found}  # type: ignore[misc,arg-type] # types of the columns


@dataclass(frozen=True)
class Clock:
    """Time, replaced in tests."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def measure_smoke(
    session: CqlSession,
    target: Target,
    rows: int,
    window_ms: int,
    confidence_ms: int,
    step: Step,
    clock: Clock | None = None,
) -> SmokeResult:
    """Insert, update in part and delete `rows` rows, and measure each change."""
    ids = [new_id() for _ in range(rows)]
    values = {key: user_row(key, number) for number, key in enumerate(ids)}
    deadline_seconds = max(_MIN_DEADLINE_SECONDS, 10 * (window_ms + confidence_ms) / 1000)
    watch = _Watch(target, deadline_seconds, step, clock or Clock())

    def inserted(key: UUID, row: User | None) -> bool:
        return row is not None and (row.name, row.email, row.age) == values[key][1:4]

    def updated(key: UUID, row: User | None) -> bool:
        if row is None or (row.name, row.email) != values[key][1:3]:
            raise OpsError(
                f"A partial update of {USERS} changed other columns of row {key} in PostgreSQL.",
                "Is the table's CDC option `postimage` on? See docs/operations.md.",
            )
        return row.age == _UPDATED_AGE

    def deleted(_: UUID, row: User | None) -> bool:
        return row is None

    return SmokeResult(
        insert_ms=watch.measure("insert", ids, lambda key: session.execute(INSERT_USER, values[key]), inserted),
        update_ms=watch.measure(
            "partial update", ids, lambda key: session.execute(UPDATE_AGE, (_UPDATED_AGE, key)), updated
        ),
        delete_ms=watch.measure("delete", ids, lambda key: session.execute(DELETE_USER, (key,)), deleted),
        window_ms=window_ms,
        confidence_ms=confidence_ms,
    )


@dataclass(frozen=True)
class _Watch:
    """Writes in turn and polls the target in between, on one thread."""

    target: Target
    deadline_seconds: float
    step: Step
    clock: Clock

    def measure(
        self,
        kind: str,
        ids: Sequence[UUID],
        write: Callable[[UUID], object],
        arrived: Callable[[UUID, User | None], bool],
    ) -> tuple[float, ...]:
        """Return milliseconds from each write to its arrival. Raises OpsError when one is overdue."""
        to_write = list(reversed(ids))
        written: dict[UUID, float] = {}
        took_ms: list[float] = []
        due = self.clock.now()
        while to_write or written:
            if to_write and self.clock.now() >= due:
                key = to_write.pop()
                written[key] = self.clock.now()
                write(key)
                due += _SPACING_SECONDS
            took_ms += self._arrivals(written, arrived)
            self.step.note(f"{kind}: {len(took_ms)} of {len(ids)} arrived")
            if written and self.clock.now() - min(written.values()) > self.deadline_seconds:
                raise OpsError(
                    f"{len(written)} of {len(ids)} rows: the {kind} in {USERS} did not reach PostgreSQL "
                    f"within {self.deadline_seconds:.0f} s.",
                    "`make status` shows what is wrong; docs/operations.md says what to do.",
                )
            self.clock.wait(_POLL_SECONDS)
        return tuple(took_ms)

    def _arrivals(self, written: dict[UUID, float], arrived: Callable[[UUID, User | None], bool]) -> list[float]:
        rows = self.target.users(list(written)) if written else {}
        seen_at = self.clock.now()
        done = [key for key in written if arrived(key, rows.get(key))]
        return [(seen_at - written.pop(key)) * 1000 for key in done]
