"""Reads the dead letter queue, and keeps a ledger of what became of its records.

A topic cannot give up single records, so those that are done are noted in a second, compacted topic.
"""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from components.tls.trust import ca_path
from ops.dlq.letters import Letter, State, letter
from ops.errors import OpsError
from ops.outputs import StackOutputs
from reconcile.kafka_security import KafkaSecurity, last_fault

_ANSWER_SECONDS: Final = 15.0
_SILENCE_SECONDS: Final = 30.0
"""How long a broker may send nothing before the end of a topic is reached."""
_READ_AT_ONCE: Final = 1000
_POLL_SECONDS: Final = 0.2
"""A read of many records waits this long for all of them before it returns those that there are."""


@dataclass(frozen=True)
class Kafka:
    """How the brokers are reached."""

    bootstrap_servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    """librdkafka's properties for TLS and login."""

    @classmethod
    def of(cls, outputs: StackOutputs) -> Kafka:
        """Return the brokers of a stack."""
        login = outputs.kafka
        access = KafkaSecurity(
            tls=outputs.kafka_tls,
            ca_file=ca_path(outputs.trusted),
            mechanism=outputs.kafka_sasl_mechanism,
            username=login.username if login else "",
            password=login.password if login else "",
        )
        return cls(outputs.endpoints["kafka"], access.properties())

    def properties(self) -> dict[str, Any]:
        """Return librdkafka's properties."""
        # The calls below report what matters.
        return {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **self.security}


class Queue:
    """The queue and its ledger."""

    def __init__(self, kafka: Kafka, topic: str, ledger: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._ledger = ledger

    def letters(self) -> list[Letter]:
        """Return all records that the queue holds now, oldest first, each with what became of it.

        Raises:
            OpsError: Kafka does not answer, or a topic is missing.
        """
        done = self._states()
        found = [_letter(message) for message in self._read(self._topic)]
        noted = [replace(each, **done.get(each.ledger_key, {})) for each in found]
        return sorted(noted, key=lambda each: (each.dead_at, each.partition, each.offset))

    def note(self, letters: Iterable[Letter], state: State) -> None:
        """Note in the ledger what became of records.

        Raises:
            OpsError: Kafka did not take it; running the same command again is safe.
        """
        producer = Producer({**self._kafka.properties(), "acks": "all", "enable.idempotence": True})
        failures: list[KafkaError] = []
        entry = {"state": state.value, "at": datetime.now(UTC).isoformat(timespec="seconds"), "by": _who()}
        for each in letters:
            producer.produce(
                self._ledger,
                key=each.ledger_key,
                value=json.dumps(entry),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            producer.poll(0)
        if producer.flush(_ANSWER_SECONDS) or failures:
            reason = f": {failures[0]}" if failures else ""
            raise OpsError(
                f"Kafka did not take all notes for {self._ledger}{reason}.", "Run the same command again: it goes on."
            )

    def _states(self) -> Mapping[str, dict[str, Any]]:
        states: dict[str, dict[str, Any]] = {}
        for message in self._read(self._ledger):
            key, value = message.key(), message.value()
            if key and value:
                entry = json.loads(value)
                states[key.decode()] = {
                    "state": State(entry["state"]),
                    "state_detail": f"{entry['at']} by {entry['by']}",
                }
        return states

    def _read(self, topic: str) -> Iterator[Message]:
        """Yield everything from the start of a topic to where it ends now."""
        faults: list[KafkaError] = []
        consumer = Consumer(
            {
                **self._kafka.properties(),
                "error_cb": faults.append,
                "group.id": f"cdc-dlq-{uuid4()}",  # librdkafka asks for one; nothing is committed to it
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        try:
            yield from _to_the_end(consumer, topic)
        except KafkaException as error:
            reason = last_fault(consumer, faults) or error.args[0].str()
            raise OpsError(
                f"Kafka at {self._kafka.bootstrap_servers}, topic {topic}: {reason}.",
                "`make status` shows whether it runs.",
            ) from None
        finally:
            consumer.close()


def _to_the_end(consumer: Consumer, topic: str) -> Iterator[Message]:
    metadata = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    if metadata.error is not None:
        raise OpsError(f"Kafka has no topic {topic}: {metadata.error.str()}.", "`make up` creates it.")
    open_partitions, starts = set(), []
    for partition in metadata.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_ANSWER_SECONDS)
        if low < high:
            open_partitions.add(partition)
            starts.append(TopicPartition(topic, partition, low))
    consumer.assign(starts)
    give_up_at = time.monotonic() + _SILENCE_SECONDS
    while open_partitions:
        messages = consumer.consume(_READ_AT_ONCE, timeout=_POLL_SECONDS)
        if messages:
            give_up_at = time.monotonic() + _SILENCE_SECONDS
        elif time.monotonic() > give_up_at:
            raise OpsError(f"Kafka sent nothing of {topic} for {_SILENCE_SECONDS:.0f} s.", "See the brokers' logs.")
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 librdkafka's public name
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(error)


def _letter(message: Message) -> Letter:
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])  # the stub allows a dict, for producers
    return letter(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        headers,
        _bytes(message.key()),
        _bytes(message.value()),
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
