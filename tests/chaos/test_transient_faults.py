"""Passing faults of target and registry: nothing goes to the dead letter queue, nothing is lost, no task fails.

Outages last 10 s; `make test-faults-long` makes them 60 s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from components.postgres.roles import WRITER
from ops.demo_rows import INSERT_USER, UPDATE_AGE, new_id, user_row
from tests.support.dead_letters import dead_letters
from tests.support.failure_watch import no_task_fails
from tests.support.pipeline import Pipeline, run
from tests.support.waiting import wait_until
from tests.support.writer import Writer, writing

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

OUTAGE_SECONDS = float(os.environ.get("CDC_TEST_OUTAGE_SECONDS", "10"))
"""More than the pipeline's latency, so that rows written at its begin would arrive if the fault did not bite."""
USERS = "shop.users"
DEADLOCKS = 3
MOST_ATTEMPTS = 30
LOCKED_ROWS = 200
LOCK_SECONDS = 5
"""A deadlock is found after 1 s; who still waits after this is in none."""
DEADLINE_SECONDS = 180


def more_writes(writer: Writer, writes: int = 50) -> None:
    target = writer.writes + writes
    wait_until("the writer goes on", lambda: writer.error or writer.writes >= target, DEADLINE_SECONDS)


def pass_outage() -> None:
    began = time.monotonic()
    wait_until("the outage is over", lambda: time.monotonic() - began > OUTAGE_SECONDS, OUTAGE_SECONDS + 30)


@contextmanager
def unharmed(pipeline: Pipeline) -> Iterator[Writer]:
    """A writer runs while the block makes a fault and ends it; the test fails when that did any harm."""
    with dead_letters(pipeline) as letters, no_task_fails(pipeline):
        before = letters.ever(USERS)
        with writing(pipeline) as writer:
            more_writes(writer)
            yield writer
            more_writes(writer)
        pipeline.wait_equal([USERS], DEADLINE_SECONDS)
        assert letters.ever(USERS) == before
    pipeline.wait_running()


def insert_row(pipeline: Pipeline) -> UUID:
    """Write a row, and return its key."""
    key = new_id()
    with pipeline.scylla() as session:
        session.execute(INSERT_USER, user_row(key, 1))
    return key


def has_arrived(pipeline: Pipeline, key: UUID) -> bool:
    with pipeline.postgres() as connection:
        return bool(connection.execute("SELECT 1 FROM public.users WHERE id = %s", (key,)).fetchone())


def test_an_outage_of_postgresql(pipeline: Pipeline) -> None:
    name = pipeline.outputs.containers["postgres"]
    with unharmed(pipeline):
        run("docker", "stop", name)
        try:
            pass_outage()
        finally:
            run("docker", "start", name)
        pipeline.wait_healthy("postgres")


def test_a_connection_limit(pipeline: Pipeline) -> None:
    limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
    writer = sql.Identifier(WRITER)
    with pipeline.postgres() as connection, unharmed(pipeline):
        connection.execute(limit.format(writer, sql.Literal(0)))
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (WRITER,))
            key = insert_row(pipeline)
            pass_outage()
            assert not has_arrived(pipeline, key), "the sink still writes, so nothing was tested"
        finally:
            connection.execute(limit.format(writer, sql.Literal(-1)))
        wait_until("the row arrives", lambda: has_arrived(pipeline, key), DEADLINE_SECONDS)


def test_an_outage_of_the_registry_with_cold_caches(pipeline: Pipeline) -> None:
    """It keeps its address, as behind a load balancer; the name of a stopped container may lead anywhere."""
    name = pipeline.outputs.containers["schema-registry"]
    with unharmed(pipeline):
        run("docker", "pause", name)
        try:
            pipeline.restart("connect-1")
            pipeline.wait_running()
            key = insert_row(pipeline)
            pass_outage()
            assert not has_arrived(pipeline, key), "the converters do without the registry, so nothing was tested"
        finally:
            run("docker", "unpause", name)
        wait_until("the row arrives", lambda: has_arrived(pipeline, key), DEADLINE_SECONDS)


def deadlocks(connection: psycopg.Connection[Any]) -> int:
    """How many deadlocks PostgreSQL has ended in this database."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(connection.execute(query).fetchall()[0][0])


def sink_is_blocked(connection: psycopg.Connection[Any]) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND cardinality(pg_blocking_pids(pid)) > 0"
    return bool(connection.execute(query, (WRITER,)).fetchone())


def meet_the_sink(
    locker: psycopg.Connection[Any], watcher: psycopg.Connection[Any], keys: list[UUID], change: Callable[[], None]
) -> None:
    """Hold a row that the sink comes to in the middle of its batch, and then ask for those that it holds.

    PostgreSQL ends the transaction of whoever looks for a deadlock first; that is never this one.
    """
    lock = "SELECT id FROM public.users WHERE id = ANY(%s) FOR UPDATE"
    with suppress(psycopg.errors.LockNotAvailable), locker.transaction():
        locker.execute("SET LOCAL deadlock_timeout = '10min'")
        locker.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{LOCK_SECONDS}s")))
        locker.execute(lock, (keys[:1],))
        change()
        wait_until("the sink waits for the row", lambda: sink_is_blocked(watcher), DEADLINE_SECONDS)
        locker.execute(lock, (keys[1:],))


def test_deadlocks(pipeline: Pipeline) -> None:
    keys = [uuid4() for _ in range(LOCKED_ROWS)]
    with pipeline.scylla() as session, pipeline.postgres() as locker, pipeline.postgres() as watcher:
        for number, key in enumerate(keys):
            session.execute(INSERT_USER, user_row(key, number))
        wait_until("the rows arrive", lambda: all(has_arrived(pipeline, key) for key in keys[-3:]), DEADLINE_SECONDS)
        pipeline.wait_equal([USERS], DEADLINE_SECONDS)
        before = deadlocks(watcher)
        with unharmed(pipeline):
            for attempt in range(MOST_ATTEMPTS):

                def change(age: int = attempt % 100) -> None:
                    for key in keys:
                        session.execute(UPDATE_AGE, (age, key))

                middle = (LOCKED_ROWS // 2 + attempt) % LOCKED_ROWS
                meet_the_sink(locker, watcher, keys[middle:] + keys[:middle], change)
                if deadlocks(watcher) - before >= DEADLOCKS:
                    break
        wait_until("deadlocks are counted", lambda: deadlocks(watcher) - before >= DEADLOCKS, 30)
