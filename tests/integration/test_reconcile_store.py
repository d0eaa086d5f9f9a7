"""The bookkeeping tables in a real PostgreSQL: transactions, broken connections, units, findings, the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest

from ops.databases import target_settings
from reconcile.candidates import CandidateBook, Look
from reconcile.errors import AlreadyRunningError, ConfigError, ExitCode, UnreachableError
from reconcile.journal import Journal, LostRunError, NewCandidate
from reconcile.lock import TableLock
from reconcile.model import Cause, Difference, Kind, Mode, RepairPolicy, State, TableRef, Unit, UnitCounts, UnitKind
from reconcile.model import UnitResult as Result
from reconcile.records import NewFinding, Phase, RunState
from reconcile.request import RunRequest
from reconcile.store import Connection, Store
from reconcile.target import TargetClient
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SCHEMA: Final = "store_check"
TABLE: Final = TableRef("ks.t", "public.t")
UNITS: Final = [Unit(number, UnitKind.TOKENS, number * 10, number * 10 + 10) for number in range(4)]
EXTRA: Final = Unit(0, UnitKind.EXTRA)
DEADLINE_SECONDS: Final = 60

Connect = Callable[[], Connection]


@pytest.fixture(scope="module")
def connect(pipeline: Pipeline) -> Iterator[Connect]:
    settings = target_settings(pipeline.outputs)

    def connect() -> Connection:
        return TargetClient(settings, application_name="reconcile/check").connection

    with connect() as connection:
        connection.autocommit = True
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
        yield connect
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE".encode())


@pytest.fixture
def store(connect: Connect) -> Iterator[Store]:
    with Store(connect(), SCHEMA, connect, reconnect_seconds=5) as store:
        store.migrate()
        store.transact(lambda connection: connection.execute("TRUNCATE reconciliation_runs CASCADE"))
        yield store


def begin(store: Store, fingerprint: str = "f", **changes: Any) -> Journal:
    return Journal.begin(store, RunRequest(TABLE, **changes), fingerprint, (), UNITS)


def result(unit: Unit, rows: int = 10) -> Result:
    return Result(unit, UnitCounts(rows, rows, rows, 0, 1.0))


def candidate(number: int, kind: Kind = Kind.MISSING) -> NewCandidate:
    return NewCandidate(number.to_bytes(4), {"id": str(number)}, Difference((number,), kind, (), b"s", b""))


def finding(number: int, state: State = State.OPEN, kind: Kind = Kind.MISSING) -> NewFinding:
    difference = Difference((number,), kind, ("name",), b"s", b"t")
    first = datetime.now(UTC)
    return NewFinding(
        number.to_bytes(4), {"id": str(number)}, difference, Cause.UNKNOWN, state, (), "7", first, checks=2, changes=0
    )


def decide(journal: Journal, *numbers: int, state: State = State.OPEN) -> None:
    """Make findings of candidates."""
    book = CandidateBook(journal)
    journal.commit_unit(result(UNITS[0]), [candidate(number) for number in numbers])
    looks = [
        Look(each, Difference((0,), Kind.MISSING), None, datetime.now(UTC), stable=True) for each in book.pending(100)
    ]
    book.commit(looks, [finding(number, state) for number in numbers])


def end_backend(connect: Connect, connection: Connection) -> None:
    with connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))


def test_tables_are_made_once(store: Store) -> None:
    assert store.migrate() == []


def test_a_transaction_whose_connection_breaks_is_done_again_on_a_new_one(store: Store, connect: Connect) -> None:
    backends: list[int] = []

    def work(connection: Connection) -> None:
        backends.append(connection.info.backend_pid)
        connection.execute("CREATE TABLE again (id int)")
        if len(backends) == 1:
            end_backend(connect, connection)
        connection.execute("INSERT INTO again VALUES (1)")

    store.transact(work)

    assert len(set(backends)) == 2
    assert store.rows("SELECT id FROM again") == [{"id": 1}]
    store.transact(lambda connection: connection.execute("DROP TABLE again"))


def test_an_error_that_is_not_the_connections_is_not_tried_again(store: Store) -> None:
    attempts: list[int] = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        store.transact(work)

    assert attempts == [1]
    assert store.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_postgresql_that_does_not_come_back_leaves_the_run_to_be_resumed(connect: Connect) -> None:
    def refused() -> Connection:
        raise UnreachableError("refused")

    with Store(connect(), SCHEMA, refused, reconnect_seconds=0.5) as lonely:
        end_backend(connect, lonely.transact(lambda connection: connection))
        with pytest.raises(UnreachableError, match="--resume"):
            lonely.rows("SELECT 1")


def test_missing_tables_and_rights_say_what_to_do(connect: Connect) -> None:
    with Store(connect(), "no_such_schema") as store, pytest.raises(ConfigError, match="`reconcile run` makes them"):
        store.runs()


def test_a_unit_done_again_replaces_what_it_left(store: Store) -> None:
    journal = begin(store)
    journal.commit_unit(result(UNITS[1], rows=10), [candidate(1), candidate(2)])
    journal.commit_unit(result(UNITS[1], rows=12), [candidate(2)])

    totals = journal.totals()

    assert (totals.units_done, totals.counts.source_rows, totals.candidates) == (1, 12, 1)
    assert totals.fraction == 0.25
    assert [(state.state, state.attempt) for state in journal.units()][1] == ("done", 2)


def test_a_run_that_was_taken_over_cannot_write_any_more(store: Store) -> None:
    journal = begin(store)
    taken = Journal.resume(store, crashed(store, journal), "f", RepairPolicy.ALL)
    writes: list[Callable[[], object]] = [
        lambda: journal.commit_unit(result(UNITS[0]), [candidate(1)]),
        lambda: journal.fail_unit(UNITS[0], "e"),
        lambda: journal.set_phase(Phase.CONFIRM),
        lambda: journal.note(breaker="b"),
        lambda: journal.end(RunState.FINISHED, ExitCode.CLEAN, ()),
        lambda: CandidateBook(journal).resolve([b"x"]),
    ]

    for write in writes:
        with pytest.raises(LostRunError, match="taken over"):
            write()

    assert taken.totals().units_done == 0
    assert store.run(taken.run_id).state is RunState.RUNNING
    assert store.run(taken.run_id).attempt == 2


def crashed(store: Store, journal: Journal) -> Any:
    store.transact(lambda connection: connection.execute("UPDATE reconciliation_runs SET state = 'crashed'"))
    return store.run(journal.run_id)


def test_a_run_is_not_resumed_with_another_schema_or_after_its_end(store: Store) -> None:
    journal = begin(store)
    with pytest.raises(ConfigError, match="another schema or other rules"):
        Journal.resume(store, crashed(store, journal), "other", RepairPolicy.NONE)

    journal.end(RunState.FINISHED, ExitCode.CLEAN, ())
    with pytest.raises(ConfigError, match="nothing to go on with"):
        Journal.resume(store, store.run(journal.run_id), "f", RepairPolicy.NONE)


def test_failed_units_are_done_again_with_the_search_that_left_their_ranges_out(store: Store) -> None:
    journal = begin(store)
    for unit in UNITS[:3]:
        journal.commit_unit(result(unit), [])
    journal.fail_unit(UNITS[3], "timeout")
    journal.commit_unit(result(EXTRA), [], Phase.EXTRA)
    assert journal.failed_units() == [(UNITS[3], "timeout")]
    journal.end(RunState.INCOMPLETE, ExitCode.INCOMPLETE, ["n"])

    resumed = Journal.resume(store, store.run(journal.run_id), "f", RepairPolicy.NONE)

    assert [unit.state for unit in resumed.units()] == ["done", "done", "done", "pending"]
    assert [unit.state for unit in resumed.units(Phase.EXTRA)] == ["pending"]
    assert resumed.totals().units_failed == 0


def test_a_search_that_left_nothing_out_is_not_done_again(store: Store) -> None:
    journal = begin(store)
    for unit in UNITS:
        journal.commit_unit(result(unit), [])
    journal.commit_unit(result(EXTRA), [], Phase.EXTRA)

    resumed = Journal.resume(store, crashed(store, journal), "f", RepairPolicy.NONE)

    assert [unit.state for unit in resumed.units(Phase.EXTRA)] == ["done"]


def test_looks_decide_wait_or_drop_in_one_transaction(store: Store) -> None:
    journal = begin(store)
    book = CandidateBook(journal)
    journal.commit_unit(result(UNITS[0]), [candidate(1), candidate(2), candidate(3)])
    assert book.last_looked() == (None, True)
    waiting = book.pending(10)
    now = datetime.now(UTC)
    differences = [None, Difference((2,), Kind.MISMATCH, ("a",), b"x", b"y"), Difference((3,), Kind.MISSING)]
    looks = [Look(each, seen, "8", now, stable=False) for each, seen in zip(waiting, differences, strict=True)]

    book.commit(looks, [finding(3)])

    (left,) = book.pending(10)
    assert (left.fingerprint, left.difference_kind, left.columns) == (waiting[1].fingerprint, Kind.MISMATCH, ("a",))
    assert (left.target_xmin, left.looks, left.changes, left.last_looked) == ("8", 1, 0, now)
    assert [each.pk for each in store.findings(journal.run_id)] == [{"id": "3"}]
    assert journal.totals().candidates == 1
    assert book.last_looked() == (now, False)


def test_a_finding_of_a_later_run_takes_the_place_of_the_earlier_one(store: Store) -> None:
    first = begin(store)
    decide(first, 1, 2)
    first.end(RunState.FINISHED, ExitCode.DIFFERENCES, ())
    second = begin(store)
    decide(second, 1)

    assert [each.state for each in store.findings(first.run_id)] == [State.SUPERSEDED, State.OPEN]
    assert store.open_counts() == {("ks.t", "missing", "unknown"): 2}


def test_a_row_found_again_in_a_run_counts_once_and_is_open_again(store: Store) -> None:
    journal = begin(store)
    decide(journal, 1)
    decide(journal, 1)
    assert [each.state for each in store.findings(journal.run_id)] == [State.OPEN]

    CandidateBook(journal).resolve([(1).to_bytes(4)])
    assert [each.state for each in store.findings(journal.run_id)] == [State.RESOLVED]
    decide(journal, 1)

    assert [each.state for each in store.findings(journal.run_id)] == [State.OPEN]


def test_verified_through_stops_at_a_gap(store: Store) -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert store.verified_through("ks.t") is None
    for window in ((None, noon), (noon - hour, noon + hour), (noon + 3 * hour, noon + 4 * hour)):
        begin(store, mode=Mode.INCREMENTAL).end(RunState.FINISHED, ExitCode.CLEAN, (), window)

    assert store.verified_through("ks.t") == noon + hour


def test_a_run_without_an_id_of_ours_is_named(store: Store) -> None:
    for wanted in ("not-an-id", uuid4()):
        with pytest.raises(ConfigError, match="`reconcile status` lists them"):
            store.run(wanted)


def test_one_process_holds_a_table_and_the_other_one_is_told_which(store: Store, connect: Connect) -> None:
    journal = begin(store)
    with TableLock(connect, SCHEMA, "ks.t"):
        with pytest.raises(AlreadyRunningError, match=f"run {journal.run_id} of ks.t goes on since"):
            TableLock(connect, SCHEMA, "ks.t").__enter__()
        with TableLock(connect, SCHEMA, "ks.other"):
            pass

    with TableLock(connect, SCHEMA, "ks.t") as lock:
        assert lock.mark_crashed() == [journal.run_id]
        assert lock.mark_crashed() == []
    assert store.run(journal.run_id).state is RunState.CRASHED
    with pytest.raises(LostRunError):
        journal.set_phase(Phase.CONFIRM)


def test_a_lock_that_went_to_another_process_stops_the_run(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.lock.HEARTBEAT_SECONDS", 0.05)
    journal, lost = begin(store), list[LostRunError]()
    ended = threading.Event()

    def end(error: LostRunError) -> None:
        lost.append(error)
        ended.set()

    with TableLock(connect, SCHEMA, "ks.t") as lock:
        before = store.run(journal.run_id).heartbeat_at
        lock.beat(journal.run_id, journal.owner, end)
        wait_until("a heartbeat", lambda: store.run(journal.run_id).heartbeat_at != before, DEADLINE_SECONDS)

        Journal.resume(store, crashed(store, journal), "f", RepairPolicy.NONE)
        assert ended.wait(DEADLINE_SECONDS)

    assert "taken over by another process" in str(lost[0])


def test_a_lock_comes_back_with_its_connection(store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.lock.HEARTBEAT_SECONDS", 0.05)
    journal, opened = begin(store), list[Connection]()

    def connect_and_keep() -> Connection:
        opened.append(connect())
        return opened[-1]

    def never(error: LostRunError) -> None:
        raise AssertionError from error

    with TableLock(connect_and_keep, SCHEMA, "ks.t") as lock:
        lock.beat(journal.run_id, journal.owner, never)
        end_backend(connect, opened[0])
        wait_until("the lock is taken again", lambda: len(opened) > 1, DEADLINE_SECONDS)
        with pytest.raises(AlreadyRunningError):
            TableLock(connect, SCHEMA, "ks.t").__enter__()
