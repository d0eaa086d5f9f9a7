"""A burst of users through the pipeline, and when its records were produced."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, TopicPartition

from ops.demo_rows import INSERT_USER, user_row
from ops.dlq.queue import Kafka
from tests.support import databases
from tests.support.pipeline import Pipeline

CONCURRENCY = 100
DEADLINE_SECONDS = 600


def count(pipeline: Pipeline) -> int:
    """Users in PostgreSQL."""
    return databases.count(pipeline, "shop.users")


def ends(pipeline: Pipeline) -> dict[int, int]:
    """End offset of every partition of the users' topic."""
    consumer = kafka_consumer(pipeline)
    topic = pipeline.outputs.topics["shop.users"]
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    found = {number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in partitions}
    consumer.close()
    return found


def kafka_consumer(pipeline: Pipeline) -> Consumer:
    """A consumer that sees what the sink sees."""
    return Consumer(
        {
            **Kafka.of(pipeline.outputs).properties(),
            "group.id": f"bench-{uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )


def produced_between(pipeline: Pipeline, starts: dict[int, int], rows: int) -> tuple[int, int]:
    """When the first and the last of `rows` records that follow the offsets were produced, ms since 1970."""
    consumer = kafka_consumer(pipeline)
    topic = pipeline.outputs.topics["shop.users"]
    consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
    stamps_ms: list[int] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(stamps_ms) < rows and time.monotonic() < deadline:
        stamps_ms += [message.timestamp()[1] for message in consumer.consume(5000, timeout=1)]
    consumer.close()
    return min(stamps_ms), max(stamps_ms)


def write_burst(pipeline: Pipeline, keys: Sequence[UUID]) -> float:
    """Seconds that the driver needs to write the rows."""
    with pipeline.scylla() as session:
        insert = session.prepare(INSERT_USER.replace("%s", "?"))
        rows = [user_row(key, number) for number, key in enumerate(keys)]
        start = time.monotonic()
        execute_concurrent_with_args(session, insert, rows, concurrency=CONCURRENCY)
        return time.monotonic() - start
