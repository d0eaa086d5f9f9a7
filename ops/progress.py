"""Show what a long command does: a spinner on a terminal, plain lines with the elapsed time elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

HEARTBEAT_SECONDS: Final = 30.0


class Step:
    """One step of a command, while it runs."""

    def __init__(self, title: str, started: float, status: Status | None) -> None:
        self.title = title
        self.started = started
        self.result = ""
        self._last_note = ""
        self._status = status

    @property
    def last_note(self) -> str:
        """What the step said last."""
        return self._last_note

    def note(self, text: str) -> None:
        """Say what the step is doing right now; shown beside the spinner and in heartbeats."""
        self._last_note = text
        if self._status is not None:
            self._status.update(f"[bold]{escape(self.title)}[/]  {escape(text)}")

    def done(self, text: str) -> None:
        """Say how the step ended; shown on its line when it is finished."""
        self.result = text


class Progress:
    """Prints one line per finished step, and a heartbeat while a step runs without a terminal."""

    def __init__(self, console: Console | None = None, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._heartbeat_seconds = heartbeat_seconds
        self._began = time.monotonic()

    def line(self, text: str) -> None:
        """Print one line with the time since the command began."""
        elapsed_seconds = time.monotonic() - self._began
        self.console.print(f"[dim]{elapsed_seconds:6.1f} s[/]  {escape(text)}")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step: the body may `note` what it does and set how it was `done`."""
        with self._shown(title) as step:
            yield step
        took_seconds = time.monotonic() - step.started
        result = f": {step.result}" if step.result else ""
        self.line(f"{title}{result} ({took_seconds:.1f} s)")

    @contextmanager
    def _shown(self, title: str) -> Iterator[Step]:
        if self.console.is_terminal:
            with self.console.status(f"[bold]{escape(title)}[/]") as status:
                yield Step(title, time.monotonic(), status)
            return
        step = Step(title, time.monotonic(), None)
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(step, stop), daemon=True)
        thread.start()
        try:
            yield step
        finally:
            stop.set()
            thread.join()

    def _beat(self, step: Step, stop: threading.Event) -> None:
        while not stop.wait(self._heartbeat_seconds):
            running_seconds = time.monotonic() - step.started
            doing = f": {step.last_note}" if step.last_note else ""
            self.line(f"{step.title}, for {running_seconds:.0f} s so far{doing}")
