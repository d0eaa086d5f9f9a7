"""One row in a race: reconcile repairs it while its source changes and the sink writes it, at chosen moments.

Everything runs in a fixed order: the repair calls back between its steps, and what was planned for that moment happens
before it goes on. The sink is a second connection that writes whole rows in transactions, as the sink connector does;
where it has to wait for a lock it waits, and the repair goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from itertools import count
from typing import Any, Final

import psycopg

from reconcile.candidates import CandidateBook
from reconcile.confirm import Confirmation, Options, Tools, recheck
from reconcile.control import Control
from reconcile.errors import ExitCode
from reconcile.fingerprints import key_fingerprint
from reconcile.journal import Journal, NewCandidate
from reconcile.keys import key_to_json
from reconcile.look import SourceReader, look
from reconcile.model import Cause, Key, Kind, TableRef, Unit, UnitCounts, UnitKind, UnitResult
from reconcile.records import LogRecord, RepairRecord, RunState
from reconcile.repair import Repairer, RepairOptions, Step
from reconcile.repair_book import RepairBook
from reconcile.request import Limits, RunRequest
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.store import Store
from reconcile.target import TargetClient
from reconcile.undo import Undoer, UndoResult
from reconcile.watermark import TimeOnly
from tests.support.pipeline import PROJECT

NAME: Final = "repair_races"
"""Keyspace, schema of the target, and schema of reconcile's tables."""
TABLE: Final = TableRef(f"{NAME}.rows", f"{NAME}.rows")
APPLICATION: Final = "reconcile/race"
CQL: Final = (
    f"DROP KEYSPACE IF EXISTS {NAME}",
    f"CREATE KEYSPACE {NAME} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}}",
    f"CREATE TABLE {TABLE.source} (id int PRIMARY KEY, label text, number int, kept text)",
)
SQL: Final = PROJECT / "tests" / "support" / "repair_races.sql"
"""Its audit tells which transactions really changed a row."""
UPSERT: Final = (
    f"INSERT INTO {TABLE.target} (id, label, number, kept) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE "
    "SET label = EXCLUDED.label, number = EXCLUDED.number, kept = EXCLUDED.kept"
)
_SINK_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.003

Row = tuple[str, int, str]


def version(number: int) -> Row:
    """A row's values; `kept` is the same in all versions."""
    return f"version {number}", number, "kept"


class Moment(IntEnum):
    """Where the repair stands, in order."""

    BEFORE = 0
    TARGET_READ = 1
    SOURCE_READ = 2
    WRITTEN = 3
    """Not committed."""
    COMMITTED = 4
    TARGET_REREAD = 5
    """PostgreSQL was read again, ScyllaDB not yet."""
    REREAD = 6
    AFTER = 7
    """Before the next pass, or at the end."""


_MOMENTS: Final[Mapping[Step, Moment]] = {
    Step.TARGET_READ: Moment.TARGET_READ,
    Step.SOURCE_READ: Moment.SOURCE_READ,
    Step.WRITTEN: Moment.WRITTEN,
    Step.COMMITTED: Moment.COMMITTED,
    Step.REREAD: Moment.REREAD,
}


class Sink:
    """Writes rows in transactions of its own thread; an operation ends when it is done or waits for a lock."""

    def __init__(self, connection: psycopg.Connection[Any], watcher: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._watcher = watcher
        self._thread = ThreadPoolExecutor(1, "sink")
        self._latest: Future[None] | None = None

    def write(self, key: int, rows: Sequence[Row | None]) -> None:
        """Write versions of a row one after the other, None for a delete; does not commit."""
        for row in rows:
            if row is None:
                self._do(partial(self._execute, f"DELETE FROM {TABLE.target} WHERE id = %s", (key,)))
            else:
                self._do(partial(self._execute, UPSERT, (key, *row)))

    def commit(self) -> None:
        """Commit."""
        self._do(self._connection.commit)

    def rollback(self) -> None:
        """Give the transaction up, as a crash does."""
        self._do(self._connection.rollback)

    def settle(self) -> None:
        """Wait until all operations are done, or one waits for a lock."""
        if self._latest is None:
            return None
        deadline = time.monotonic() + _SINK_SECONDS
        while True:
            try:
                return self._latest.result(timeout=_POLL_SECONDS)
            except TimeoutError:
                if self._waits():
                    return None
            assert time.monotonic() < deadline, "the sink neither ends nor waits for a lock"

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _do(self, work: Callable[[], object]) -> None:
        def run() -> None:
            work()

        self._latest = self._thread.submit(run)
        self.settle()

    def _execute(self, statement: str, parameters: Sequence[Any]) -> None:
        self._connection.execute(statement.encode(), parameters)

    def _waits(self) -> bool:
        query = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"
        return self._watcher.execute(query, (self._connection.info.backend_pid,)).fetchone() is not None


Event = Callable[[], None]


@dataclass
class Script:
    """What happens at which moment. What was planned for a moment that is never reached happens at the next one."""

    events: list[tuple[Moment, Event]]
    settle: Callable[[], None]

    def reached(self, moment: Moment) -> None:
        """Do everything up to this moment."""
        self.settle()
        while self.events and self.events[0][0] <= moment:
            self.events.pop(0)[1]()


class _HookedSource:
    """ScyllaDB's client; calls back when it is asked after the commit, which is between the two last reads."""

    def __init__(self, source: SourceReader, before_reread: Callable[[], None]) -> None:
        self._source = source
        self._before_reread = before_reread
        self.is_committed = False

    def read(self, plan: TablePlan, keys: Sequence[Key]) -> Mapping[Key, tuple[Any, ...] | None]:
        if self.is_committed:
            self._before_reread()
        return self._source.read(plan, keys)


class _Turns(Control):
    """Does not sleep between passes: what was left to happen happens."""

    def __init__(self, script: Script) -> None:
        super().__init__(threading.Event(), Limits())
        self._script = script

    def sleep(self, _seconds: float) -> None:
        self._script.reached(Moment.AFTER)


class Killed(Exception):  # noqa: N818 what a kill looks like from inside
    """The repair stops here and does nothing more."""


@dataclass
class Course:
    """Both databases, the sink, and reconcile's own tables."""

    plan: TablePlan
    source: SourceClient
    execute_cql: Callable[[str, Sequence[Any]], Any]
    target: TargetClient
    store: Store
    watcher: psycopg.Connection[Any]
    sink: Sink
    _keys: count[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def race(self, kind: Kind) -> Iterator[Race]:
        """A row that is missing in PostgreSQL, or differs there; confirmed."""
        key = next(self._keys)
        self.put(key, version(1))
        if kind is Kind.MISMATCH:
            self.sink.write(key, [version(0)])
            self.sink.commit()
        with self.confirmed((key,)) as journal:
            try:
                yield Race(self, journal, key)
            finally:
                self.sink.rollback()

    @contextmanager
    def confirmed(self, key: Key) -> Iterator[Journal]:
        """A run that has confirmed the row."""
        journal = Journal.begin(self.store, RunRequest(self.plan.ref), self.plan.fingerprint, (), ())
        try:
            self._confirm(journal, key)
            yield journal
        finally:
            journal.end(RunState.FINISHED, ExitCode.CLEAN, ())

    def put(self, key: int, row: Row | None) -> None:
        """Write or delete a row of the source."""
        if row is None:
            self.execute_cql(f"DELETE FROM {TABLE.source} WHERE id = %s", (key,))
        else:
            self.execute_cql(
                f"INSERT INTO {TABLE.source} (id, label, number, kept) VALUES (%s, %s, %s, %s)", (key, *row)
            )

    def _confirm(self, journal: Journal, key: Key) -> None:
        """Take the way of every finding, without waiting."""
        difference = look(self.source, self.target, self.plan, [key])[key].difference
        assert difference is not None
        candidate = NewCandidate(key_fingerprint(self.plan, key), dict(key_to_json(self.plan, key)), difference)
        journal.commit_unit(UnitResult(Unit(0, UnitKind.TOKENS), UnitCounts(1, 1, 0)), [candidate])
        tools = Tools(
            look=lambda keys: look(self.source, self.target, self.plan, keys),
            tag=lambda found: [Cause.UNKNOWN] * len(found),
            describe=lambda rows: [()] * len(rows),
            newest_writes=lambda _keys: {},
            watermark=TimeOnly(),
            control=Control(threading.Event(), Limits()),
            found=lambda _finding: None,
            tell=lambda _text: None,
            progress=lambda _phase: None,
        )
        Confirmation(CandidateBook(journal), self.plan, tools, Options(settle_seconds=0, max_wait_seconds=10)).run()


@dataclass
class Race:
    """One row under repair."""

    course: Course
    journal: Journal
    key: Any
    """The only column of the key."""

    def repair(
        self, events: Sequence[tuple[Moment, Event]], *, write_within_seconds: float = 60, dies_at: Moment | None = None
    ) -> None:
        """Repair the row while the events happen; at the end all of them have happened."""
        script = Script(list(events), self.course.sink.settle)
        source = _HookedSource(self.course.source, lambda: script.reached(Moment.TARGET_REREAD))

        def observe(step: Step, _keys: Sequence[Key]) -> None:
            source.is_committed = step is Step.COMMITTED
            script.reached(_MOMENTS[step])
            if _MOMENTS[step] is dies_at:
                raise Killed

        options = RepairOptions((Kind.MISSING, Kind.MISMATCH), write_within_seconds)
        book = RepairBook(self.journal)
        repairer = Repairer(book, self.course.plan, source, self.course.target, options, _Turns(script), observe)
        script.reached(Moment.BEFORE)
        repairer.run()
        script.reached(Moment.AFTER)
        script.settle()

    def change_source(self, rows: Sequence[Row | None]) -> None:
        """Write versions of the row one after the other, None for a delete."""
        for row in rows:
            self.course.put(self.key, row)

    def undo(self) -> UndoResult:
        """Take the repairs back."""
        control = Control(threading.Event(), Limits())
        return Undoer(RepairBook(self.journal), self.course.plan, control).run()

    def recheck(self) -> None:
        """Close what a later look finds equal."""
        book, control = CandidateBook(self.journal), Control(threading.Event(), Limits())
        recheck(book, self.course.plan, self._look, control)

    def _look(self, keys: Sequence[Key]) -> Any:
        return look(self.course.source, self.course.target, self.course.plan, keys)

    @property
    def source_row(self) -> Row | None:
        """The row as ScyllaDB has it, decoded."""
        found = self.course.source.read(self.course.plan, [(self.key,)])[(self.key,)]
        if found is None:
            return None
        cells = {
            column.name: column.rule.show(column.rule.canonical_source(cell))
            for column, cell in zip(self.course.plan.values, found, strict=True)
        }
        return str(cells["label"]), int(cells["number"] or 0), str(cells["kept"])

    @property
    def target_row(self) -> Row | None:
        """The row as PostgreSQL has it."""
        query = f"SELECT label, number, kept FROM {TABLE.target} WHERE id = %s"
        return self.course.watcher.execute(query, (self.key,)).fetchone()

    @property
    def written(self) -> list[tuple[str, str]]:
        """(operation, transaction) of everything that reconcile wrote to the row."""
        query = f"SELECT operation, xid FROM {NAME}.audit WHERE id = %s AND application = %s ORDER BY position"
        return self.course.watcher.execute(query, (self.key, APPLICATION)).fetchall()

    @property
    def finding(self) -> LogRecord:
        """The one finding of the row."""
        (finding,) = self.course.store.findings(self.journal.run_id)
        return finding

    @property
    def repairs(self) -> list[RepairRecord]:
        """What reconcile has on record about the row."""
        return self.course.store.repairs(self.journal.run_id)
