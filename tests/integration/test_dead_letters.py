"""Good rows with bad ones of ten kinds mixed in: what arrives, and what is queued with which reason.

`make test` writes 1,000 good rows and 20 bad ones, `make test-faults-long` 10,000 and 100.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from cassandra.cluster import Session
from psycopg import sql

from ops.dlq.letters import Letter
from tests.support.dead_letters import DeadLetters, dead_letters
from tests.support.facts_writer import write
from tests.support.failure_watch import no_task_fails
from tests.support.pipeline import Pipeline, run, wait_until
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

pytestmark = pytest.mark.integration

EACH_KIND = int(os.environ.get("CDC_TEST_BAD_ROWS_EACH_KIND", "2"))
GOOD_ROWS = 500 * EACH_KIND
ROUNDS = 4
"""Every row is written in one of them, busy ones in each of them."""
BUSY = range(20, GOOD_ROWS, 20)
BAD = tuple(bad_rows(GOOD_ROWS, EACH_KIND))
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
    delete = session.prepare(f"DELETE FROM {TABLE} WHERE id = ?")
    write(session, [(delete, (row.id,)) for row in session.execute(f"SELECT id FROM {TABLE}")])
    wait_until("the table is empty", lambda: not versions(target), DEADLINE_SECONDS)
    if letters.open(TABLE):
        letters.forget(TABLE)


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
