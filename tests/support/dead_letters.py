"""The dead letter queue of a running testbed, and a watch for tasks that fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

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
        self._queue = Queue(Kafka(outputs.endpoints["kafka"]), outputs.topics["dlq"], outputs.topics["dlq_ledger"])

    def open(self, source: str) -> list[Letter]:
        """The open records of a source table."""
        topic = next(table.topic for table in self._pipeline.outputs.tables if table.source == source)
        return [each for each in self._queue.letters() if each.state is State.OPEN and each.topic == topic]

    def ever(self) -> int:
        """How many records are in the queue, whatever became of them."""
        return len(self._queue.letters())

    def key(self, letter: Letter) -> Any:
        """A record's key."""
        return key_of(letter, self._decoder)

    def forget(self, source: str) -> None:
        """Drop all open records of a table, and make the sink take their keys again."""
        self._queue.note(self.open(source), State.DROPPED)
        with self._pipeline.connect() as client:
            revive_sink(self._pipeline.outputs, client)


@contextmanager
def dead_letters(pipeline: Pipeline) -> Iterator[DeadLetters]:
    """Open the queue of a stack."""
    with Decoder(pipeline.outputs.endpoints["schema_registry"]) as decoder:
        yield DeadLetters(pipeline, decoder)


class FailureWatch:
    """Looks at the connectors all the time, and keeps what failed."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.looks = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _work(self) -> None:
        with self._pipeline.connect() as client:
            while not self._stop.wait(0.2):
                for name in self._pipeline.outputs.connectors.values():
                    status = client.status(name)
                    self.looks += 1
                    self.failures += [status.summary] if status.has_failed else []
