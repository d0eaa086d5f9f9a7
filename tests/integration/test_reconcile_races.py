"""A repair in a race with its source and the sink: the source's last state wins, and the record is true.

Every moment of the repair protocol at which the source can change is paired with every later one at which the sink can
deliver that change; the sink's transaction is open on the row all the time between, or begins only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations_with_replacement
from typing import Any, Final
from uuid import uuid4

import pytest

from ops.databases import target_settings
from reconcile.model import Kind, State, TableRef
from reconcile.records import Action, Outcome
from reconcile.schema import plan_table
from reconcile.store import Store
from reconcile.target import TargetClient
from reconcile.undo import UndoResult
from tests.support.databases import both_clients, wait_passed
from tests.support.pipeline import Pipeline
from tests.support.repair_races import (
    APPLICATION,
    CQL,
    NAME,
    SQL,
    TABLE,
    Course,
    Killed,
    Moment,
    Race,
    Row,
    Sink,
    version,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

KINDS: Final = (Kind.MISSING, Kind.MISMATCH)


@pytest.fixture(scope="module")
def course(pipeline: Pipeline) -> Iterator[Course]:
    """A table on both sides that no connector knows."""
    with (
        both_clients(pipeline) as (source, target),
        pipeline.postgres() as watcher,
        pipeline.postgres() as connection,
        TargetClient(target_settings(pipeline.outputs), application_name=APPLICATION) as bookkeeping,
    ):
        for statement in CQL:
            source.session.execute(statement)
        watcher.execute(SQL.read_bytes())
        with Store(bookkeeping.connection, NAME) as store:
            store.migrate()
            connection.autocommit = False
            sink = Sink(connection, watcher)
            yield Course(
                plan_table(source, target, TABLE), source, source.session.execute, target, store, watcher, sink
            )
            sink.close()
        watcher.execute(f"DROP SCHEMA {NAME} CASCADE".encode())
        source.session.execute(CQL[0])


@dataclass(frozen=True)
class Change:
    """What happens to a row while it is repaired."""

    name: str
    source: tuple[Row | None, ...]
    """Versions that the source gets, one after the other; None for a delete."""
    delivered: tuple[Row | None, ...]
    """What the sink writes for it."""


UPDATE: Final = Change("update", (version(2),), (version(2),))
DELETE: Final = Change("delete", (None,), (None,))
REPLACE: Final = Change("delete and insert", (None, version(1)), (None, version(1)))
CONFLICT: Final = Change("conflict", (), (version(1),))
"""The event that had been given up for lost arrives after all."""
CHANGES: Final = (UPDATE, DELETE, REPLACE, CONFLICT)
PAIRS: Final = list(combinations_with_replacement(Moment, 2))
RACES: Final = [
    (change, changed, opened, delivered)
    for change in CHANGES
    for changed, delivered in PAIRS
    for opened in sorted({changed, delivered})
    if change.source or changed is opened
]
"""The source changes, the sink's transaction opens, and ends: in this order."""


def assert_last_state_won(race: Race) -> None:
    assert race.target_row == race.source_row


def label(image: dict[str, Any] | None) -> str | None:
    return image["label"] if image else None


def assert_record_is_true(race: Race) -> None:
    """Every write to the row is on record, and nothing else is; a finding that is closed is closed rightly."""
    told: list[tuple[str, str]] = []
    for repair in race.repairs:
        if repair.outcome in (Outcome.APPLIED, Outcome.REVERTED):
            assert repair.verified_at, repair
            assert repair.xid
            assert label(repair.after) == version(1)[0]
            assert label(repair.before) == (None if repair.action is Action.INSERT else version(0)[0])
            told.append((repair.action.value, repair.xid))
        if repair.outcome is Outcome.REVERTED:
            told.append(("delete", "its own"))
    done = [(operation, "its own" if operation == "delete" else xid) for operation, xid in race.written]
    assert told == done, race.repairs
    race.recheck()
    assert race.finding.state in (State.REPAIRED, State.RESOLVED)


def names(value: object) -> str | None:
    return value.name.lower() if isinstance(value, Moment | Change) else None


@pytest.mark.parametrize(("change", "changed", "opened", "delivered"), RACES, ids=names)
@pytest.mark.parametrize("kind", KINDS)
def test_the_last_state_of_the_source_wins(
    course: Course, kind: Kind, change: Change, changed: Moment, opened: Moment, delivered: Moment
) -> None:
    with course.race(kind) as race:
        race.repair(
            [
                (changed, lambda: race.change_source(change.source)),
                (opened, lambda: course.sink.write(race.key, change.delivered)),
                (delivered, course.sink.commit),
            ]
        )

        assert_last_state_won(race)
        assert_record_is_true(race)


@pytest.mark.parametrize(("opened", "ended"), PAIRS, ids=names)
@pytest.mark.parametrize("kind", KINDS)
def test_a_transaction_of_the_sink_that_is_rolled_back_leaves_a_repaired_row(
    course: Course, kind: Kind, opened: Moment, ended: Moment
) -> None:
    with course.race(kind) as race:
        race.repair([(opened, lambda: course.sink.write(race.key, [None, version(1)])), (ended, course.sink.rollback)])

        assert race.target_row == version(1)
        assert_record_is_true(race)
        assert race.finding.state is State.REPAIRED


@pytest.mark.parametrize("kind", KINDS)
def test_an_undisturbed_repair_writes_once(course: Course, kind: Kind) -> None:
    with course.race(kind) as race:
        race.repair([])

        assert_last_state_won(race)
        assert_record_is_true(race)
        assert [repair.outcome for repair in race.repairs] == [Outcome.APPLIED]
        assert race.finding.state is State.REPAIRED


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_that_a_newer_change_could_have_overtaken_is_not_made(course: Course, kind: Kind) -> None:
    with course.race(kind) as race:
        race.repair([], write_within_seconds=0)

        assert race.written == []
        (repair,) = race.repairs
        assert repair.outcome is Outcome.SKIPPED_CHANGED
        assert "reading and writing took" in (repair.detail or "")
        assert race.finding.state is State.OPEN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES, ids=names)
@pytest.mark.parametrize("dies_at", [Moment.SOURCE_READ, Moment.WRITTEN, Moment.COMMITTED, Moment.REREAD], ids=names)
def test_the_next_repair_ends_what_a_killed_one_began(
    course: Course, kind: Kind, change: Change, dies_at: Moment
) -> None:
    with course.race(kind) as race:
        with pytest.raises(Killed):
            race.repair([(Moment.SOURCE_READ, lambda: race.change_source(change.source))], dies_at=dies_at)

        race.repair(
            [(Moment.AFTER, lambda: course.sink.write(race.key, change.delivered)), (Moment.AFTER, course.sink.commit)]
        )

        assert_last_state_won(race)
        assert_record_is_true(race)


def test_an_insert_that_the_source_deleted_is_taken_back_once_the_sink_lets_go_of_the_row(course: Course) -> None:
    with course.race(Kind.MISSING) as race:
        race.repair(
            [
                (Moment.COMMITTED, lambda: race.change_source([None])),
                (Moment.COMMITTED, lambda: course.sink.write(race.key, [None])),
                (Moment.AFTER, course.sink.rollback),
            ]
        )

        assert race.target_row is None
        (repair,) = race.repairs
        assert repair.outcome is Outcome.REVERTED
        assert_record_is_true(race)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_arrives_again_after_the_repair_leaves_the_finding_open_or_repaired_again(
    course: Course, kind: Kind
) -> None:
    with course.race(kind) as race:
        race.repair(
            [
                (Moment.COMMITTED, lambda: course.sink.write(race.key, [version(0)])),
                (Moment.COMMITTED, course.sink.commit),
            ]
        )

        assert race.repairs[0].outcome is Outcome.APPLIED
        assert "older changes" in (race.repairs[0].detail or "")
        is_equal = race.target_row == race.source_row
        assert race.finding.state is (State.REPAIRED if is_equal else State.OPEN)


@pytest.mark.parametrize("kind", KINDS)
def test_an_undo_takes_a_repair_back_once_and_not_what_was_written_since(course: Course, kind: Kind) -> None:
    with course.race(kind) as race:
        before = race.target_row
        race.repair([])

        assert race.undo() == UndoResult(1, 0)
        assert race.target_row == before
        assert race.finding.state is State.OPEN
        assert race.undo() == UndoResult(0, 0)

        race.repair([])
        course.sink.write(race.key, [version(2)])
        assert race.undo() == UndoResult(0, 1), "the sink holds the row"
        course.sink.commit()
        assert race.undo() == UndoResult(0, 1)
        assert race.target_row == version(2)


def test_the_pipeline_brings_what_the_source_did_during_a_repair(pipeline: Pipeline, course: Course) -> None:
    """No stand-in for the sink: changes of the source at each moment, of missing and of different rows."""
    users = pipeline.outputs.table("shop.users")
    assert users
    plan = plan_table(course.source, course.target, TableRef(users.source, users.target))
    on_users = replace(course, plan=plan)
    within_seconds = pipeline.outputs.confidence_ms / 2 / 1000
    cases = [
        (uuid4(), kind, statement, moment)
        for kind in KINDS
        for statement in ("UPDATE shop.users SET name = 'newest' WHERE id = %s", "DELETE FROM shop.users WHERE id = %s")
        for moment in Moment
    ]
    expected = {key: "newest" if "newest" in statement else None for key, _, statement, _ in cases}
    for key in expected:
        course.execute_cql("INSERT INTO shop.users (id, name, age) VALUES (%s, 'old', 1)", (key,))

    def names() -> dict[Any, str]:
        query = "SELECT id, name FROM public.users WHERE id = ANY(%s)"
        return dict(course.watcher.execute(query, (list(expected),)).fetchall())

    wait_until("all rows have arrived", lambda: len(names()) == len(expected))
    outcomes: set[Outcome] = set()
    for key, kind, statement, moment in cases:
        spoil = "DELETE FROM public.users" if kind is Kind.MISSING else "UPDATE public.users SET name = NULL, age = 9"
        course.watcher.execute(f"{spoil} WHERE id = %s".encode(), (key,))
        with on_users.confirmed((key,)) as journal:
            change = partial(course.execute_cql, statement, (key,))
            race = Race(on_users, journal, key)
            race.repair([(moment, change)], write_within_seconds=within_seconds)
            outcomes |= {repair.outcome for repair in race.repairs}

    assert Outcome.APPLIED in outcomes, "nothing was repaired, so nothing raced"
    remaining = {key: name for key, name in expected.items() if name}
    wait_until(f"PostgreSQL has {remaining}", lambda: names() == remaining)
    wait_passed(pipeline, users.source)
    assert names() == remaining
