"""Looks at the connectors all the time while a block runs: a task that fails and is restarted does not escape it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from components.kafka_connect.client import ConnectClient
from components.kafka_connect.errors import ConnectError
from ops.connect import connect_client
from tests.support.pipeline import Pipeline

PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 1.0
"""How long a worker that restarts is asked again before it is left alone until the next look."""


@dataclass
class FailureWatch:
    """What was seen so far."""

    looks: int = 0
    failures: list[str] = field(default_factory=list)

    def look(self, client: ConnectClient, names: list[str]) -> None:
        """Look at each connector once; a worker that does not answer is no failure of a task."""
        with suppress(ConnectError):
            for name in names:
                status = client.status(name)
                self.looks += 1
                self.failures += [f"{name}: {status.summary}"] if status.has_failed else []


@contextmanager
def no_task_fails(pipeline: Pipeline) -> Iterator[FailureWatch]:
    """Fail the test when a connector or a task was FAILED at any moment of the block."""
    watch, stop = FailureWatch(), threading.Event()
    names = list(pipeline.outputs.connectors.values())

    def work() -> None:
        with connect_client(pipeline.outputs, retry_timeout_seconds=ANSWER_SECONDS) as client:
            while not stop.wait(PAUSE_SECONDS):
                watch.look(client, names)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join(timeout=60)
    assert watch.looks > 0, "the connectors were never seen, so nothing was tested"
    assert not watch.failures, watch.failures
