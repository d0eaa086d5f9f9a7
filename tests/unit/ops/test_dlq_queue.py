"""The queue is read to where it ends, and no longer."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ops.dlq import queue
from ops.dlq.queue import _to_the_end
from ops.errors import OpsError

TOPIC = "dlq"
END = KafkaError._PARTITION_EOF


class Received:
    """A message, or what librdkafka says in the place of one."""

    def __init__(self, partition: int, offset: int = 0, error: int | None = None) -> None:
        self._partition = partition
        self._offset = offset
        self._error = None if error is None else KafkaError(error)

    def error(self) -> KafkaError | None:
        return self._error

    def partition(self) -> int:
        return self._partition

    def place(self) -> tuple[int, int]:
        return self._partition, self._offset


class FakeConsumer:
    """A topic whose partitions have these first and next offsets; each read returns the next batch."""

    def __init__(
        self, watermarks: dict[int, tuple[int, int]], *batches: Sequence[Received], missing: bool = False
    ) -> None:
        self._watermarks = watermarks
        self._batches = list(batches)
        self._missing = missing
        self.assigned: list[tuple[int, int]] = []
        self.timeouts: list[float] = []

    def list_topics(self, topic: str, timeout: float) -> Any:
        assert timeout > 0
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if self._missing else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions=dict.fromkeys(self._watermarks))})

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        return self._watermarks[partition.partition]

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = [(each.partition, each.offset) for each in partitions]

    def consume(self, _count: int, timeout: float) -> Sequence[Received]:
        self.timeouts.append(timeout)
        assert self._batches, "it reads on after the end"
        return self._batches.pop(0)


def read(consumer: FakeConsumer) -> list[tuple[int, int]]:
    return [message.place() for message in _to_the_end(consumer, TOPIC)]  # type: ignore[arg-type,attr-defined]


def test_reading_ends_with_the_last_record_and_waits_for_nothing_more() -> None:
    consumer = FakeConsumer({0: (0, 2)}, [Received(0, 0), Received(0, 1), Received(0, error=END)])

    assert read(consumer) == [(0, 0), (0, 1)]
    assert len(consumer.timeouts) == 1


def test_one_read_waits_for_a_fraction_of_a_second_only() -> None:
    consumer = FakeConsumer({0: (0, 1)}, [], [Received(0, 0)], [Received(0, error=END)])

    assert read(consumer) == [(0, 0)]
    assert max(consumer.timeouts) < 1


def test_an_empty_topic_is_not_read_at_all() -> None:
    consumer = FakeConsumer({0: (0, 0), 1: (7, 7)})

    assert read(consumer) == []
    assert (consumer.assigned, consumer.timeouts) == ([], [])


def test_every_partition_is_read_from_its_first_record_to_its_end() -> None:
    consumer = FakeConsumer(
        {0: (3, 4), 1: (0, 0), 2: (0, 1)},
        [Received(0, 3), Received(0, error=END)],
        [Received(2, 0), Received(2, error=END)],
    )

    assert read(consumer) == [(0, 3), (2, 0)]
    assert consumer.assigned == [(0, 3), (2, 0)]


def test_a_broker_that_sends_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(queue, "time", SimpleNamespace(monotonic=lambda: next(seconds)))

    with pytest.raises(OpsError, match="sent nothing of dlq for 30 s"):
        read(FakeConsumer({0: (0, 1)}, *[[]] * 10))


def test_a_missing_topic_is_named() -> None:
    with pytest.raises(OpsError, match="Kafka has no topic dlq"):
        read(FakeConsumer({}, missing=True))


def test_another_error_is_none_of_the_end() -> None:
    with pytest.raises(KafkaException):
        read(FakeConsumer({0: (0, 1)}, [Received(0, error=KafkaError.TOPIC_AUTHORIZATION_FAILED)]))
