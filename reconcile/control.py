"""What keeps a run going or stops it: signals, a pause file, limits of time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from reconcile.errors import InterruptedRunError, ReconcileError
from reconcile.request import Limits

_PAUSE_POLL_SECONDS: Final = 1.0


class LimitReachedError(ReconcileError):
    """A limit stopped the run at a checkpoint: the run is incomplete and can be resumed."""


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Set the event at SIGTERM or SIGINT. Outside the main thread nobody sets it: there the caller brings its own."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Control:
    """Asked by a run between its steps; raises when the run has to stop."""

    def __init__(
        self,
        stop: threading.Event,
        limits: Limits,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stop = stop
        self._limits = limits
        self._tell = tell
        self._clock = clock
        self._began = clock()
        self._ended: ReconcileError | None = None

    def end(self, error: ReconcileError) -> None:
        """Have the run stop at its next step with this error; may be called from any thread."""
        self._ended = error
        self._stop.set()

    def check(self) -> None:
        """Go on, or wait while the pause file exists.

        Raises:
            InterruptedRunError: a signal asks the run to stop.
            LimitReachedError: the run has taken the time that it may take.
        """
        self._stop_if_asked()
        if self._is_paused():
            self._tell(f"paused while {self._limits.pause_file} exists")
            while self._is_paused():
                self._stop.wait(_PAUSE_POLL_SECONDS)
                self._stop_if_asked()
            self._tell("going on")

    def sleep(self, seconds: float) -> None:
        """Wait; raises like `check`."""
        self._stop.wait(seconds)
        self.check()

    def _is_paused(self) -> bool:
        return self._limits.pause_file is not None and self._limits.pause_file.exists()

    def _stop_if_asked(self) -> None:
        if self._ended is not None:
            raise self._ended
        if self._stop.is_set():
            raise InterruptedRunError("stopped by a signal at a checkpoint; the same command with --resume goes on")
        most = self._limits.max_runtime_seconds
        if most is not None and self._clock() - self._began > most:
            raise LimitReachedError(f"stopped after {most:g} s (--max-runtime); the same command with --resume goes on")
