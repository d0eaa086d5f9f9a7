"""Passing faults of the target: nothing goes to the dead letter queue, nothing is lost, no task fails.

Outages last 10 s; `make test-faults-long` makes them 60 s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from psycopg import sql

from components.postgres.roles import WRITER
from ops.demo_rows import INSERT_USER, new_id, user_row
from tests.support.dead_letters import dead_letters
from tests.support.failure_watch import no_task_fails
from tests.support.pipeline import Pipeline, run, wait_until
from tests.support.writer import Writer, writing

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

OUTAGE_SECONDS = float(os.environ.get("CDC_TEST_OUTAGE_SECONDS", "10"))
"""More than the pipeline's latency, so that rows written at its begin would arrive if the fault did not bite."""
USERS = "shop.users"
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
