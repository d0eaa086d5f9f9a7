"""A steady writer of demo rows that survives restarts of the source."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from cassandra import RequestExecutionException
from cassandra.cluster import NoHostAvailable, OperationTimedOut, Session
from cassandra.protocol import ErrorMessage

from ops.demo_rows import DELETE_USER, INSERT_USER, UPDATE_AGE, user_row
from tests.support.pipeline import Pipeline

RETRIED = (NoHostAvailable, OperationTimedOut, ErrorMessage, RequestExecutionException)
PAUSE_SECONDS = 0.02


@dataclass
class BackgroundWriter(ABC):
    """Writes in a thread of its own while a block runs."""

    writes: int = field(default=0, init=False)
    error: BaseException | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)

    @abstractmethod
    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """Write until the event is set."""

    @contextmanager
    def running(self, pipeline: Pipeline, seed: int) -> Iterator[None]:
        """Write while the block runs; an error that the writer did not expect fails the test."""
        with pipeline.scylla() as session:
            thread = threading.Thread(target=self._run, args=(session, random.Random(seed)), daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._stop.set()
                thread.join(timeout=60)
        if self.error:
            raise self.error

    def _run(self, session: Session, generator: random.Random) -> None:
        try:
            self.write_until(self._stop, session, generator)
        except BaseException as error:  # noqa: BLE001 handed to the test's own thread
            self.error = error


@dataclass
class Writer(BackgroundWriter):
    """Inserts, updates and deletes rows on a few keys."""

    keys: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(50)])
    failures: int = 0

    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """A statement that fails may or may not have been applied, the next one follows."""
        while not stop.wait(PAUSE_SECONDS):
            key = generator.choice(self.keys)
            try:
                self._write(session, key, generator)
                self.writes += 1
            except RETRIED:
                self.failures += 1

    def _write(self, session: Session, key: UUID, generator: random.Random) -> None:
        kind = generator.random()
        if kind < 0.5:
            session.execute(INSERT_USER, user_row(key, generator.randrange(10_000)))
        elif kind < 0.8:
            session.execute(UPDATE_AGE, (generator.randrange(100), key))
        else:
            session.execute(DELETE_USER, (key,))


@contextmanager
def writing(pipeline: Pipeline, seed: int = 1) -> Iterator[Writer]:
    """A writer that runs while the block runs; an error that it did not expect fails the test."""
    writer = Writer()
    with writer.running(pipeline, seed):
        yield writer
    assert writer.writes > 0, "the writer wrote nothing, so nothing was tested"
