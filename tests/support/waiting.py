"""Waits for conditions, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

POLL_SECONDS: Final = 0.1


def wait_until(what: str, check: Callable[[], T], deadline_seconds: float = 120) -> T:
    """Poll until `check` returns something true; the error says what was waited for."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {deadline_seconds} s"
        time.sleep(POLL_SECONDS)
