"""What a person or a log sees of a run: a bar on a terminal, a line each half minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

import structlog
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reconcile.durations import show_seconds
from reconcile.logs import bind_run
from reconcile.model import Finding
from reconcile.request import Progress

LINE_INTERVAL_SECONDS: Final = 30.0


class ProgressStyle(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    """A bar on a terminal, lines elsewhere."""
    BAR = "bar"
    LOG = "log"
    NONE = "none"


class Display(Protocol):
    """Shows progress and messages on standard error."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        ...

    def message(self, text: str) -> None:
        """Show a line."""
        ...


def display(style: ProgressStyle) -> Display:
    """Return the display for a style."""
    if style is ProgressStyle.AUTO:
        style = ProgressStyle.BAR if sys.stderr.isatty() else ProgressStyle.LOG
    if style is ProgressStyle.BAR:
        return Bar(Console(stderr=True, highlight=False))
    return Lines(LINE_INTERVAL_SECONDS if style is ProgressStyle.LOG else None)


class RunEvents:
    """The events of a run, given to a display and to whoever takes the findings."""

    def __init__(self, shown: Display, on_finding: Sequence[Callable[[Finding], None]] = ()) -> None:
        self._display = shown
        self._on_finding = on_finding
        self._run_id = ""

    def progress(self, progress: Progress) -> None:
        """Show it; the first one tells the run's id."""
        if progress.run_id != self._run_id:
            self._run_id = progress.run_id
            bind_run(progress.run_id, progress.table)
        self._display.progress(progress)

    def finding(self, finding: Finding) -> None:
        """Hand it on."""
        for take in self._on_finding:
            take(finding)

    def message(self, text: str) -> None:
        """Show it."""
        self._display.message(text)


class Lines:
    """Log lines: one for each interval, and one whenever the phase changes. None shows messages only."""

    def __init__(self, interval_seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next = -float("inf")
        self._phase = ("", "")
        self._log = structlog.get_logger("reconcile")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def progress(self, progress: Progress) -> None:
        """Log it when it is time."""
        phase = (progress.run_id, progress.phase)
        if self._interval_seconds is None or (self._clock() < self._next and phase == self._phase):
            return
        self._next = self._clock() + self._interval_seconds
        self._phase = phase
        self._log.info(
            "progress",
            table=progress.table,
            phase=progress.phase,
            percent=round(100 * progress.fraction, 1),
            units=f"{progress.units_done}/{progress.units_total}",
            units_failed=progress.units_failed,
            rows=progress.source_rows,
            rows_per_second=round(progress.rows_per_second),
            candidates=progress.candidates,
            confirmed=progress.confirmed,
            repaired=progress.repaired,
            lag_seconds=progress.lag_seconds,
        )

    def message(self, text: str) -> None:
        """Log it."""
        self._log.info(text)


class Bar:
    """One line that is drawn again and again, with messages scrolling above it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        # Results that go to a file or pipe must not be drawn into the terminal.
        own_output = not sys.stdout.isatty()
        self._live = Live(console=console, refresh_per_second=4, transient=True, redirect_stdout=not own_output)
        self._begin = (clock(), 0.0)
        self._phase = ("", "")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def progress(self, progress: Progress) -> None:
        """Draw it."""
        phase = (progress.run_id, progress.phase)
        if phase != self._phase:
            self._phase = phase
            self._begin = (self._clock(), progress.fraction)
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_column(width=20)
        line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        line.add_row(
            Text(f"{progress.table} {progress.phase}"),
            ProgressBar(total=1.0, completed=progress.fraction, width=20),
            Text(self._figures(progress)),
        )
        self._live.update(line)

    def message(self, text: str) -> None:
        """Print it above the bar."""
        self._console.print(escape(text), soft_wrap=True, highlight=False)

    def _figures(self, progress: Progress) -> str:
        """Return the most important figures first: a narrow terminal cuts the others off."""
        parts = [
            f"{100 * progress.fraction:5.1f}%",
            f"ETA {self._eta(progress.fraction)}",
            f"rows {short_count(progress.source_rows)}",
            f"{short_count(progress.rows_per_second)}/s",
            f"cand {progress.candidates}",
            f"open {progress.confirmed - progress.repaired}",
            f"fixed {progress.repaired}",
            f"units {progress.units_done}/{progress.units_total}",
        ]
        if progress.units_failed:
            parts.insert(1, f"FAILED {progress.units_failed}")
        if progress.lag_seconds is not None:
            parts.append(f"lag {show_seconds(progress.lag_seconds)}")
        return "  ".join(parts)

    def _eta(self, fraction: float) -> str:
        """Return the time left at the pace of this phase since this process shows it, so also after a resume."""
        begin, at_begin = self._begin
        done = fraction - at_begin
        if done <= 0:
            return "?"
        return show_seconds((self._clock() - begin) * (1 - fraction) / done)


def short_count(count: float) -> str:
    """Return a count in three digits or so: 999, 12.3k, 4.56M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.3g}{unit}"
    return f"{count:.0f}"
