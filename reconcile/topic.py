"""A Kafka topic as the watermark sees it: where it ends, and what the sink has not taken yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from reconcile.errors import ConfigError
from reconcile.kafka_security import kafka_properties, last_fault
from reconcile.model import PipelineSettings
from reconcile.watermark import NotKnownError, TopicRecord

_TIMEOUT_SECONDS: Final = 15.0


class KafkaTopic:
    """Reads a topic without joining or disturbing any consumer group."""

    def __init__(self, bootstrap_servers: str, topic: str, security: Mapping[str, str] | None = None) -> None:
        self._topic = topic
        self._faults: list[KafkaError] = []
        shared: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            **(security or {}),
            "error_cb": self._faults.append,
            "group.id": f"reconcile-{uuid4()}",  # librdkafka asks for one; nothing is ever committed to it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # where retention has taken what the sink stood at
            "log_level": 0,  # the calls below report what matters
        }
        # Ends must count open transactions; records must come as the sink gets them.
        self._ends = Consumer({**shared, "isolation.level": "read_uncommitted"})
        self._records = Consumer({**shared, "isolation.level": "read_committed"})

    def ends(self) -> dict[int, int]:
        """Return the offset behind the last record of each partition.

        Raises:
            NotKnownError: Kafka does not answer.
            ConfigError: there is no such topic.
        """
        try:
            metadata = self._ends.list_topics(self._topic, timeout=_TIMEOUT_SECONDS).topics[self._topic]
            if metadata.error is not None:
                raise self._problem(metadata.error)
            return {
                partition: self._ends.get_watermark_offsets(
                    TopicPartition(self._topic, partition), timeout=_TIMEOUT_SECONDS
                )[1]
                for partition in metadata.partitions
            }
        except KafkaException as error:
            raise self._problem(error.args[0]) from error

    def first_record(self, partition: int, offset: int | None, end: int) -> TopicRecord | None:
        """Return the first record from `offset` on and before `end`; see `watermark.Topic`."""
        start = OFFSET_BEGINNING if offset is None else offset
        try:
            self._records.assign([TopicPartition(self._topic, partition, start)])
            message = self._records.poll(_TIMEOUT_SECONDS)
        except KafkaException as error:
            raise self._problem(error.args[0]) from error
        finally:
            self._records.unassign()
        return self._first(message, partition, end)

    def _first(self, message: Message | None, partition: int, end: int) -> TopicRecord | None:
        if message is None:
            raise NotKnownError(f"Kafka sent nothing of {self._topic}[{partition}] for {_TIMEOUT_SECONDS:g} s")
        error, offset = message.error(), message.offset()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 librdkafka's public name
            raise self._problem(error)
        if offset is not None and offset >= end:
            return None
        if error is not None:
            raise NotKnownError(
                f"{self._topic}[{partition}] can be read to offset {offset} only, not to {end}: a transaction is open"
            )
        return TopicRecord(offset or 0, datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))

    def _problem(self, error: Any) -> Exception:
        if isinstance(error, KafkaError) and error.code() in (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 librdkafka's public name
        ):
            return ConfigError(f"Kafka has no topic {self._topic}; correct the table's `topic` in the configuration")
        return NotKnownError(f"Kafka: {last_fault(self._ends, self._faults) or error}")

    def close(self) -> None:
        """Close both consumers."""
        self._ends.close()
        self._records.close()


def topic_opener(pipeline: PipelineSettings) -> Callable[[str, str], KafkaTopic]:
    """Return what opens a topic, by bootstrap servers and name, with the pipeline's TLS and login."""
    return lambda servers, topic: KafkaTopic(servers, topic, kafka_properties(pipeline))
