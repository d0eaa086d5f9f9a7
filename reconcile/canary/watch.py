"""What the canary has written, what of it has arrived, and how long that took. Time and databases come from outside.

A row's content is the time at which it was written, ms since 1970, so that a canary that starts again goes on counting
and knows the age of what its predecessor wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

LONGEST_WAIT_BEATS: Final = 10_000
"""Rows that are waited for at most; of a pipeline that stands for a day, the oldest are given up."""


@dataclass(frozen=True)
class Beat:
    """One row on its way."""

    slot: int
    beat_ms: int
    sent_at: float
    """Monotonic clock, s, when its write began."""


@dataclass
class Watch:
    """Rows on their way. The writer adds, the reader takes out."""

    slots: int
    newest_ms: int
    """Content of the newest row that has arrived; at first, when the canary started."""
    _waiting: dict[int, Beat] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _number: int = 0

    def next_beat(self, now_ms: int, sent_at: float) -> Beat:
        """Return the next row to write; its content is larger than that of all before."""
        with self._lock:
            last = max(self._waiting, default=0)
            beat = Beat(self._number % self.slots, max(now_ms, last + 1), sent_at)
            self._number += 1
            self._waiting[beat.beat_ms] = beat
            while len(self._waiting) > LONGEST_WAIT_BEATS:
                del self._waiting[min(self._waiting)]
            return beat

    def forget(self, beat: Beat) -> None:
        """A row that was not written does not arrive."""
        with self._lock:
            self._waiting.pop(beat.beat_ms, None)

    @property
    def waiting(self) -> int:
        """Rows on their way."""
        return len(self._waiting)

    def seen(self, rows: Mapping[int, int], now: float) -> list[float]:
        """Take in the target's rows (content by slot) and return the latencies of those that are new, s.

        A slot that holds a newer row has had the older one, too, or has skipped it for the newer: both are as old as
        the moment at which the target was that new.
        """
        with self._lock:
            self.newest_ms = max([self.newest_ms, *rows.values()])
            arrived = [beat for beat in self._waiting.values() if rows.get(beat.slot, 0) >= beat.beat_ms]
            for beat in arrived:
                del self._waiting[beat.beat_ms]
        return [now - beat.sent_at for beat in arrived]

    def begin(self, rows: Mapping[int, int]) -> None:
        """Take in what a predecessor left in the target, before anything is written."""
        with self._lock:
            if rows:
                self.newest_ms = max(rows.values())

    def age_seconds(self, now_ms: int) -> float:
        """Return how old the newest row in the target is, s."""
        return max(0, now_ms - self.newest_ms) / 1000
