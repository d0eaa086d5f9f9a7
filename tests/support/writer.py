"""A steady writer of demo rows that survives restarts of the source."""

from __future__ import annotations

import random
import threading
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
class Writer:
    """Inserts, updates and deletes rows on a few keys until it is stopped."""

    keys: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(50)])
    writes: int = 0
    failures: int = 0
    error: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, session: Session, generator: random.Random) -> None:
        """Write until `stop`; a statement that fails may or may not have been applied, the next one follows."""
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                key = generator.choice(self.keys)
                try:
                    self._write(session, key, generator)
                    self.writes += 1
                except RETRIED:
                    self.failures += 1
        except BaseException as error:  # noqa: BLE001 handed to the test's own thread
            self.error = error

    def _write(self, session: Session, key: UUID, generator: random.Random) -> None:
        kind = generator.random()
        if kind < 0.5:
            session.execute(INSERT_USER, user_row(key, generator.randrange(10_000)))
        elif kind < 0.8:
            session.execute(UPDATE_AGE, (generator.randrange(100), key))
        else:
            session.execute(DELETE_USER, (key,))

    def stop(self) -> None:
        """Ask the writer to stop."""
        self._stop.set()


@contextmanager
def writing(pipeline: Pipeline, seed: int = 1) -> Iterator[Writer]:
    """A writer that runs while the block runs; an error that it did not expect fails the test."""
    writer = Writer()
    with pipeline.scylla() as session:
        thread = threading.Thread(target=writer.run, args=(session, random.Random(seed)), daemon=True)
        thread.start()
        try:
            yield writer
        finally:
            writer.stop()
            thread.join(timeout=60)
    if writer.error:
        raise writer.error
    assert writer.writes > 0, "the writer wrote nothing, so nothing was tested"
