"""Runs the shell scripts that containers run, as tests see them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

DEADLINE_SECONDS = 30
NO_TARGETS = "[]\n"
"""What a heartbeat says: a list without targets, which is what Prometheus reads it as."""


@contextmanager
def script_running(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run a script with more environment variables while the block runs; then it is killed with all that it started."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=os.environ | env, stdout=out, stderr=out, process_group=0)
        try:
            yield
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def wait_for_heartbeats(file: Path) -> None:
    """Wait for two signs of life."""
    for _ in range(2):
        wait_until("a heartbeat", lambda: file.exists() and file.read_text() == NO_TARGETS, DEADLINE_SECONDS)
        file.unlink()
