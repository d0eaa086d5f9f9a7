"""A burst through the whole pipeline, next to each stage alone in the same run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import httpx
import pytest
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from ops.demo_rows import INSERT_USER, user_row
from ops.dlq.queue import Kafka
from tests.support.figures import show
from tests.support.pipeline import Pipeline, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROWS = 50_000
CONCURRENCY = 100
DEADLINE_SECONDS = 600


def count(pipeline: Pipeline) -> int:
    with pipeline.postgres() as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM public.users")).fetchone()
    assert row
    return int(row[0])


def ends(pipeline: Pipeline) -> dict[int, int]:
    """End offset of every partition of the users' topic."""
    consumer = kafka_consumer(pipeline)
    topic = pipeline.outputs.topics["shop.users"]
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    found = {number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in partitions}
    consumer.close()
    return found


def kafka_consumer(pipeline: Pipeline) -> Consumer:
    return Consumer(
        {
            **Kafka.of(pipeline.outputs).properties(),
            "group.id": f"bench-{uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )


def produced_between(pipeline: Pipeline, starts: dict[int, int], rows: int) -> float:
    """Seconds between the first and the last of `rows` records that follow the offsets."""
    consumer = kafka_consumer(pipeline)
    topic = pipeline.outputs.topics["shop.users"]
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
    stamps_ms: list[int] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(stamps_ms) < rows and time.monotonic() < deadline:
        stamps_ms += [message.timestamp()[1] for message in consumer.consume(5000, timeout=1)]
    consumer.close()
    return (max(stamps_ms) - min(stamps_ms)) / 1000


def write_burst(pipeline: Pipeline, keys: Sequence[UUID]) -> float:
    """Seconds that the driver needs to write the rows."""
    with pipeline.scylla() as session:
        insert = session.prepare(INSERT_USER.replace("%s", "?"))
        rows = [user_row(key, number) for number, key in enumerate(keys)]
        start = time.monotonic()
        execute_concurrent_with_args(session, insert, rows, concurrency=CONCURRENCY)
        return time.monotonic() - start


def sink_alone(pipeline: Pipeline, rows: int) -> float:
    """Seconds that the sink needs for the same records, from its first row to its last."""
    name = pipeline.outputs.connectors["sink"]
    with pipeline.connect() as client:
        httpx.put(f"{pipeline.outputs.endpoints['connect']}/connectors/{name}/stop").raise_for_status()
        wait_until("the sink is stopped", lambda: client.status(name).state == "STOPPED")
        with pipeline.postgres() as connection:
            connection.execute(sql.SQL("TRUNCATE public.users"))
        httpx.delete(f"{pipeline.outputs.endpoints['connect']}/connectors/{name}/offsets").raise_for_status()
        client.resume(name)
        wait_until("the first rows arrive", lambda: count(pipeline) > 0)
        first, start = count(pipeline), time.monotonic()
        wait_until("all rows arrive", lambda: count(pipeline) >= rows, DEADLINE_SECONDS)
        seconds = time.monotonic() - start
    return seconds * rows / max(1, rows - first)


def test_throughput_of_a_burst(pipeline: Pipeline) -> None:
    pipeline.wait_equal()
    before, starts = count(pipeline), ends(pipeline)
    keys = [uuid4() for _ in range(ROWS)]
    start = time.monotonic()

    write_seconds = write_burst(pipeline, keys)
    wait_until("all rows arrive", lambda: count(pipeline) >= before + ROWS, DEADLINE_SECONDS)
    total_seconds = time.monotonic() - start
    source_seconds = produced_between(pipeline, starts, ROWS)
    sink_seconds = sink_alone(pipeline, before + ROWS)

    pipeline.wait_equal(["shop.users"])
    windows = pipeline.outputs
    show(
        f"Throughput of {ROWS:,} inserts",
        {
            "end to end": f"{ROWS / total_seconds:,.0f} rows/s ({total_seconds:.1f} s from first write to last row)",
            "driver writing, alone": f"{ROWS / write_seconds:,.0f} rows/s",
            "source connector": f"{ROWS / source_seconds:,.0f} rows/s (first to last record)",
            "sink connector, alone": f"{(before + ROWS) / sink_seconds:,.0f} rows/s",
            "configured windows": f"{windows.window_ms} ms + {windows.confidence_ms} ms",
        },
    )
