"""The dead letter queue of a running testbed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.dlq.decode import Decoder
from ops.dlq.letters import Letter, State
from ops.dlq.queue import Kafka, Queue
from ops.dlq.replay import revive_sink
from ops.dlq.view import key_of
from tests.support.pipeline import Pipeline


class DeadLetters:
    """What `cdc dlq` sees, in this process."""

    def __init__(self, pipeline: Pipeline, decoder: Decoder) -> None:
        outputs = pipeline.outputs
        self._pipeline = pipeline
        self._decoder = decoder
        self._queue = Queue(Kafka.of(outputs), outputs.topics["dlq"], outputs.topics["dlq_ledger"])

    def open(self, source: str) -> list[Letter]:
        """The open records of a source table."""
        topic = self._topic(source)
        return [each for each in self._queue.letters() if each.state is State.OPEN and each.topic == topic]

    def ever(self, source: str) -> int:
        """How many records of a source table are in the queue, whatever became of them."""
        topic = self._topic(source)
        return sum(each.topic == topic for each in self._queue.letters())

    def key(self, letter: Letter) -> Any:
        """A record's key."""
        return key_of(letter, self._decoder)

    def forget(self, source: str) -> None:
        """Drop all open records of a table, and make the sink take their keys again."""
        self._queue.note(self.open(source), State.DROPPED)
        with self._pipeline.connect() as client:
            revive_sink(self._pipeline.outputs, client)

    def _topic(self, source: str) -> str:
        return next(table.topic for table in self._pipeline.outputs.tables if table.source == source)


@contextmanager
def dead_letters(pipeline: Pipeline) -> Iterator[DeadLetters]:
    """Open the queue of a stack."""
    with pipeline.registry() as registry:
        yield DeadLetters(pipeline, Decoder(registry))
