"""Good rows with bad ones of ten kinds mixed in: what arrives, what is queued with which reason, and how it comes out.

`make test` writes 1,000 good rows and 20 bad ones, `make test-faults-long` 10,000 and 100.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from cassandra.cluster import Session
from psycopg import sql

from ops.dlq.letters import Letter
from tests.support.commands import cdc, reconcile
from tests.support.dead_letters import DeadLetters, dead_letters
from tests.support.facts_writer import write
from tests.support.failure_watch import no_task_fails
from tests.support.pipeline import Pipeline, run
from tests.support.refused import (
    CONSTRAINTS,
    CURES,
    KINDS,
    NO_LOG,
    SECRETS,
    TABLE,
    BadRow,
    bad_rows,
    execute,
    good_row,
    insert_statement,
    values,
)
from tests.support.waiting import wait_until
from tests.support.writer import PAUSE_SECONDS, RETRIED, BackgroundWriter

pytestmark = pytest.mark.integration

EACH_KIND = int(os.environ.get("CDC_TEST_BAD_ROWS_EACH_KIND", "2"))
GOOD_ROWS = 500 * EACH_KIND
ROUNDS = 4
"""Every row is written in one of them, busy ones in each of them."""
BUSY = range(20, GOOD_ROWS, 20)
BAD = tuple(bad_rows(GOOD_ROWS, EACH_KIND))
CHANGING_KEYS = tuple(bad.number for bad in BAD[: len(BAD) // 2])
"""Keys of bad rows that are written on while others are replayed; each kind has some of both."""
REPLAY = "cdc dlq replay"
DEADLINE_SECONDS = 600


@dataclass(frozen=True)
class Seen:
    """What became of the rows."""

    since: datetime
    versions: dict[int, int]
    """Of the rows that arrived, by key."""
    letters: dict[int, Letter]
    """Records in the queue by key."""
    records: int
    """How many are in the queue."""


def was_good_before(bad: BadRow) -> bool:
    """Half of the bad rows of each kind have a first version that PostgreSQL takes."""
    return (bad.number - GOOD_ROWS) // len(KINDS) % 2 == 0


def expected_versions() -> dict[int, int]:
    """Last good version by key."""
    first = dict.fromkeys(range(GOOD_ROWS), 0) | {bad.number: 0 for bad in BAD if was_good_before(bad)}
    return first | dict.fromkeys(BUSY, ROUNDS - 1)


def rounds() -> Iterator[list[dict[str, Any]]]:
    """Rows to write one round after the other, no key twice in a round."""
    generator = random.Random(6)
    for number in range(ROUNDS):
        rows = [good_row(key) for key in range(1, GOOD_ROWS) if key % ROUNDS == number and key not in BUSY]
        rows += [good_row(key, number) for key in BUSY]
        if number == 0:
            rows += [good_row(bad.number) for bad in BAD if was_good_before(bad)]
        else:
            rows += [bad.row for bad in BAD if bad.number % (ROUNDS - 1) == number - 1]
        generator.shuffle(rows)
        yield rows


@pytest.fixture(scope="module")
def session(pipeline: Pipeline) -> Iterator[Session]:
    with pipeline.scylla() as session:
        yield session


@pytest.fixture(scope="module")
def target(pipeline: Pipeline) -> Iterator[psycopg.Connection[Any]]:
    with pipeline.postgres() as connection:
        yield connection


@pytest.fixture(scope="module")
def letters(pipeline: Pipeline) -> Iterator[DeadLetters]:
    with dead_letters(pipeline) as found:
        yield found


def versions(target: psycopg.Connection[Any]) -> dict[int, int]:
    return dict(target.execute(sql.SQL("SELECT id, version FROM public.refused")).fetchall())


def log(target: psycopg.Connection[Any]) -> Iterator[tuple[int, int, str, int]]:
    """Key, version and writer of each write that the table took, in order, and the newest version before it."""
    newest: dict[int, int] = {}
    for key, version, writer in target.execute(
        sql.SQL("SELECT id, version, writer FROM public.refused_log ORDER BY at")
    ):
        yield key, version, writer, newest.get(key, -1)
        newest[key] = max(version, newest.get(key, -1))


def empty(session: Session, target: psycopg.Connection[Any], letters: DeadLetters) -> None:
    """Delete all rows through the pipeline, and leave nothing in the queue."""
    execute(target, (*CURES, *NO_LOG))
    if letters.open(TABLE):
        letters.forget(TABLE)  # deletes of these keys would follow them otherwise
    delete = session.prepare(f"DELETE FROM {TABLE} WHERE id = ?")
    write(session, [(delete, (row.id,)) for row in session.execute(f"SELECT id FROM {TABLE}")])
    wait_until("the table is empty", lambda: not versions(target), DEADLINE_SECONDS)


@pytest.fixture(scope="module")
def seen(pipeline: Pipeline, session: Session, target: psycopg.Connection[Any], letters: DeadLetters) -> Iterator[Seen]:
    """The rows are written, and each is in PostgreSQL or in the queue."""
    empty(session, target, letters)
    execute(target, CONSTRAINTS)
    since = datetime.now(UTC)
    insert = insert_statement(session)
    with no_task_fails(pipeline):
        write(session, [(insert, values(good_row(0)))])
        wait_until("the first row arrives", lambda: versions(target), DEADLINE_SECONDS)
        for rows in rounds():
            write(session, [(insert, values(row)) for row in rows])

        expected = expected_versions()
        wait_until("every good row arrives", lambda: versions(target) == expected, DEADLINE_SECONDS)
        wait_until("every bad row is in the queue", lambda: len(letters.open(TABLE)) >= len(BAD), DEADLINE_SECONDS)
    found = letters.open(TABLE)
    yield Seen(since, versions(target), {letters.key(each)["id"]: each for each in found}, len(found))
    empty(session, target, letters)


def test_every_good_row_arrives_in_order(seen: Seen, target: psycopg.Connection[Any]) -> None:
    assert seen.versions == expected_versions()
    backwards = [(key, before, version) for key, version, _, before in log(target) if version < before]
    assert not backwards


def test_every_bad_row_is_in_the_queue_with_its_reason(seen: Seen) -> None:
    assert seen.records == len(BAD)
    for bad in BAD:
        fault = seen.letters[bad.number].fault
        assert (fault.code, fault.name) == (bad.kind.sqlstate, bad.kind.name)
        assert bad.kind.place in fault.message
    assert Counter(each.fault.code for each in seen.letters.values()) == {kind.sqlstate: EACH_KIND for kind in KINDS}


def test_no_reason_and_no_log_quotes_a_value(pipeline: Pipeline, seen: Seen) -> None:
    texts = {f"{each.fault.message}\n{each.fault.trace}" for each in seen.letters.values()}
    assert not [text for text in texts if any(secret in text for secret in SECRETS)]
    logged = run("docker", "logs", "--since", seen.since.isoformat(), pipeline.outputs.containers["connect-1"])
    assert not [line for line in (logged.stdout + logged.stderr).splitlines() if "confidential" in line]


@dataclass
class KeysWriter(BackgroundWriter):
    """Inserts, updates and deletes rows of some keys, each with a higher version than the last."""

    keys: tuple[int, ...]
    version: int = field(default=100, init=False)

    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """Write until the event is set."""
        session.use_client_timestamp = False
        insert = insert_statement(session)
        while not stop.wait(PAUSE_SECONDS):
            key, kind = generator.choice(self.keys), generator.random()
            self.version += 1
            with suppress(*RETRIED):
                if kind < 0.15:
                    session.execute(f"DELETE FROM {TABLE} WHERE id = %s", (key,))
                elif kind < 0.4:
                    session.execute(f"UPDATE {TABLE} SET version = %s WHERE id = %s", (self.version, key))
                else:
                    session.execute(insert, values(good_row(key, self.version)))
                self.writes += 1


def replay(expected_codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """The report of `cdc dlq replay` for the table."""
    done = cdc("dlq replay", "--topic", TABLE, "--format", "json")
    assert done.returncode in expected_codes, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_a_replay_brings_them_in_while_a_writer_changes_the_same_keys(
    pipeline: Pipeline, session: Session, target: psycopg.Connection[Any], letters: DeadLetters, seen: Seen
) -> None:
    assert seen.records == len(BAD)
    execute(target, CURES)
    cured = [bad for bad in BAD if bad.kind.cured_at_source]
    for bad in cured:
        session.execute(f"UPDATE {TABLE} SET {bad.kind.cured_at_source} WHERE id = %s", (bad.number,))
    followed = len(BAD) + len(cured)
    wait_until("these changes follow", lambda: len(letters.open(TABLE)) == followed, DEADLINE_SECONDS)
    writer = KeysWriter(CHANGING_KEYS)
    with no_task_fails(pipeline):
        with writer.running(pipeline, seed=4):
            wait_until("the writer is under way", lambda: writer.writes > 2 * len(CHANGING_KEYS))
            first = replay(expected_codes=(0, 1))
            keys = {each.id: letters.key(each)["id"] for each in letters.open(TABLE)}
            wait_until("the writer goes on", lambda: writer.error or writer.writes > 6 * len(CHANGING_KEYS))
        left = {keys[entry["id"]] for entry in first["open"]}
        assert left <= set(CHANGING_KEYS), first["open"]
        assert first["keys"]["written"] >= len(BAD) - len(CHANGING_KEYS)

        session.execute(f"UPDATE {TABLE} SET version = %s WHERE id = %s", (ROUNDS, 0))
        wait_until("the pipeline has caught up", lambda: versions(target)[0] == ROUNDS, DEADLINE_SECONDS)
        if letters.open(TABLE):
            replay()
    assert not letters.open(TABLE)
    pipeline.wait_equal([TABLE])
    assert reconcile(TABLE)["exit_code"] == 0
    writes = list(log(target))
    backwards = [(key, before, version) for key, version, by, before in writes if by == REPLAY and version < before]
    assert not backwards
    assert {key for key, _, by, _ in writes if by == REPLAY} >= {bad.number for bad in BAD} - set(CHANGING_KEYS)
