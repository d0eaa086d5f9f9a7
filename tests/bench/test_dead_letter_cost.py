"""What the dead letter queue costs: our sink next to the Debezium sink inside it, on the same records, in turn."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from cassandra.concurrent import execute_concurrent_with_args
from psycopg import sql

from components.kafka_connect.client import ConnectClient
from components.kafka_connect.configs import DebeziumJdbcSinkConfig
from components.postgres.roles import OWNER
from ops.demo_rows import INSERT_USER, user_row
from tests.support.figures import show
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROWS = 50_000
ROUNDS = 9
CONCURRENCY = 100
DEADLINE_SECONDS = 600
MOST_COST = 0.05
OURS = DebeziumJdbcSinkConfig.connector_class
BARE = "io.debezium.connector.jdbc.JdbcSinkConnector"
TABLE = "public.bench_users"


def count(connection: psycopg.Connection[tuple[int]], table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    return connection.execute(query).fetchall()[0][0]


@pytest.fixture
def rows(pipeline: Pipeline) -> int:
    """How many rows the topic leaves in a table when it is read from its begin."""
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        before = count(connection, "public.users")
        insert = session.prepare(INSERT_USER.replace("%s", "?"))
        users = [user_row(uuid4(), number) for number in range(ROWS)]
        execute_concurrent_with_args(session, insert, users, concurrency=CONCURRENCY)
        wait_until(
            "all rows arrive",
            lambda: count(connection, "public.users") >= before + ROWS,
            deadline_seconds=DEADLINE_SECONDS,
        )
        return count(connection, "public.users")


@pytest.fixture
def target(pipeline: Pipeline) -> Iterator[psycopg.Connection[tuple[int]]]:
    """A connection, with a table that says when each of its rows was written."""
    with pipeline.postgres() as connection:
        connection.execute("DROP TABLE IF EXISTS public.bench_users")
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        connection.execute("CREATE TABLE public.bench_users (LIKE public.users INCLUDING ALL)")
        connection.execute("ALTER TABLE public.bench_users ADD written_at timestamptz DEFAULT clock_timestamp()")
        connection.execute("RESET ROLE")
        yield connection
        connection.execute("DROP TABLE public.bench_users")


def write_all(
    pipeline: Pipeline, client: ConnectClient, target: psycopg.Connection[tuple[int]], sink: str, rows: int
) -> float:
    """Seconds from the first row to the last one that a sink of the class writes."""
    name = f"bench-{uuid4().hex[:8]}"
    config = client.get_config(pipeline.outputs.connectors["sink"]) | {
        "name": name,
        "connector.class": sink,
        "topics": pipeline.outputs.topics["shop.users"],
        "transforms.fit.tables": f"shop.users={TABLE}",
        "schema.evolution": "none",
    }
    target.execute("TRUNCATE public.bench_users")
    target.execute("CHECKPOINT")
    client.put_config(name, config)
    try:
        wait_until("all rows are written", lambda: count(target, TABLE) >= rows, DEADLINE_SECONDS)
    finally:
        client.delete(name)
    query = "SELECT extract(epoch FROM max(written_at) - min(written_at))::float FROM public.bench_users"
    return float(target.execute(query).fetchall()[0][0])


def test_the_cost_of_the_dead_letter_queue(
    pipeline: Pipeline, rows: int, target: psycopg.Connection[tuple[int]]
) -> None:
    seconds: dict[str, list[float]] = {OURS: [], BARE: []}
    with pipeline.connect() as client:
        for sink in (OURS, BARE):  # what the virtual machine has to learn
            write_all(pipeline, client, target, sink, rows)
        for number in range(ROUNDS):
            for sink in (OURS, BARE) if number % 2 else (BARE, OURS):
                seconds[sink].append(write_all(pipeline, client, target, sink, rows))

    pairs = [our / its - 1 for our, its in zip(seconds[OURS], seconds[BARE], strict=True)]
    cost = statistics.median(pairs)
    show(
        f"Dead letter queue, {rows:,} rows, {ROUNDS} rounds in turn",
        {
            "our sink": in_words(rows, seconds[OURS]),
            "bare sink": in_words(rows, seconds[BARE]),
            "cost": f"{cost:+.1%} (median of the rounds; {min(pairs):+.1%} to {max(pairs):+.1%})",
        },
    )
    assert cost < MOST_COST


def in_words(rows: int, seconds: list[float]) -> str:
    return f"{rows / statistics.median(seconds):,.0f} rows/s (median; {min(seconds):.2f} s to {max(seconds):.2f} s)"
