"""Incremental mode: the rows that the CDC log names since a time, compared as they are now.

The log names the rows of range and partition deletes too, which the connector does not deliver. It does not name what
was never logged: writes from before CDC was enabled, rows written in PostgreSQL by hand, and the expiry of what was
written with a TTL of its own before the window. Full mode finds those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Final

from reconcile.cdclog import LogReader, cdc_enabled_ms
from reconcile.cdcstreams import Generation, generations
from reconcile.durations import show_seconds
from reconcile.errors import ConfigError, LogTooShortError, ReconcileError
from reconcile.log_compare import LogComparison
from reconcile.model import ScanOptions, Unit, UnitKind, UnitResult
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.target import TargetClient

SLICE_MS: Final = 5 * 60 * 1000
STREAMS_PER_UNIT: Final = 256
MOST_QUERIES: Final = 1_000_000
"""Each slice costs a query for each stream: a large cluster gets longer slices."""
CONFIDENCE_SECONDS: Final = 60.0
"""How long a write may take to reach the log: slices end this far before now."""
EXPIRY_SLACK_MS: Final = 60_000
"""A row expires by the clock of its replicas, not by the timestamp of its write."""
EXPIRING_LOG_MARGIN_MS: Final = 60 * 60 * 1000

Window = tuple[int, int]
"""[from, to) in milliseconds since 1970."""


class LogExpiredError(ReconcileError):
    """The log no longer holds what a unit has to read."""


@dataclass(frozen=True)
class LogStart:
    """Since when the log holds all changes."""

    ms: int
    reason: str
    moves: bool = False
    """It follows the clock, as the log expires."""


def plan_units(
    source: SourceClient,
    plan: TablePlan,
    since: datetime,
    until: datetime,
    *,
    confidence_seconds: float = CONFIDENCE_SECONDS,
) -> list[Unit]:
    """Return the units that cover the changes with times in [since, until), oldest first.

    A table with a default TTL gets units for the rows that expired in that time as well.

    Raises:
        ConfigError: the log does not reach back to `since`, or the window is empty; says what to do.
    """
    now_ms = round(time() * 1000)
    window = _milliseconds(since), min(_milliseconds(until), now_ms - round(confidence_seconds * 1000))
    start = log_start(source, plan, now_ms)
    if window[0] < start.ms:
        raise LogTooShortError(_too_old(plan, since, start))
    if window[0] >= window[1]:
        raise ConfigError(
            f"{plan.ref.source}: nothing to compare since {since.isoformat(timespec='seconds')}: the last "
            f"{show_seconds(confidence_seconds)} of the log may still be incomplete; choose an earlier --since"
        )
    windows = _with_expiries(plan, window, start)
    found = generations(source.session, plan.ref, windows[0][0], windows[-1][1])
    return list(_units(windows, found))


def log_unit(
    source: SourceClient, target: TargetClient, plan: TablePlan, unit: Unit, options: ScanOptions
) -> UnitResult:
    """Compare the rows that the log names in one slice of time.

    Raises:
        LogExpiredError: the log no longer holds the slice.
        SourceReadError, UnreachableError: a database could not be read.
    """
    start = log_start(source, plan, round(time() * 1000))
    if unit.low < start.ms:
        raise LogExpiredError(
            f"{plan.ref.source}: the CDC log no longer holds all changes since {_show(unit.low)} ({start.reason}); "
            "compare everything instead: --mode full"
        )
    comparison = LogComparison(source, target, plan, options)
    for changes in LogReader(source, plan).changes(unit.streams, unit.low, unit.high):
        for change in changes:
            comparison.add(change.rows)
        comparison.end_of_stream()
    return comparison.result(unit)


def log_start(source: SourceClient, plan: TablePlan, now_ms: int) -> LogStart:
    """Return since when the log of a table holds all changes.

    Raises:
        ConfigError: the table has no log.
    """
    if not plan.cdc_enabled:
        raise ConfigError(
            f"{plan.ref.source}: CDC is not enabled, so there is no log of changes to read; "
            "compare everything instead: --mode full"
        )
    enabled_ms = cdc_enabled_ms(source, plan.ref) or 0
    start = LogStart(enabled_ms, f"CDC was enabled at {_show(enabled_ms)}")
    kept_ms = plan.cdc_ttl_seconds * 1000
    if kept_ms and now_ms - kept_ms > enabled_ms:
        start = LogStart(now_ms - kept_ms, f"its cdc ttl is {show_seconds(plan.cdc_ttl_seconds)}", moves=True)
    return start


def _too_old(plan: TablePlan, since: datetime, start: LogStart) -> str:
    # The next full minute, and some time to type the command while the log expires.
    minutes = start.ms // 60_000 + (5 if start.moves else 1)
    earliest = datetime.fromtimestamp(minutes * 60, UTC)
    return (
        f"{plan.ref.source}: --since {since.isoformat(timespec='seconds')} is older than the CDC log, which begins at "
        f"{_show(start.ms)} ({start.reason}); choose --since {earliest:%Y-%m-%dT%H:%MZ} or later, "
        "or compare everything: --mode full"
    )


def _with_expiries(plan: TablePlan, window: Window, start: LogStart) -> list[Window]:
    """The window, and the one in which rows that expired in it were written, as far as the log goes back."""
    ttl_ms = plan.default_ttl_seconds * 1000
    if not ttl_ms:
        return [window]
    since, until = window
    # What expires from the log while the run goes on would fail its unit.
    readable_ms = start.ms + (EXPIRING_LOG_MARGIN_MS if start.moves else 0)
    written = max(since - ttl_ms - EXPIRY_SLACK_MS, readable_ms), until - ttl_ms + EXPIRY_SLACK_MS
    if written[0] >= written[1]:
        return [window]
    if written[1] >= since:
        return [(min(written[0], since), until)]
    return [written, window]


def _units(windows: Sequence[Window], found: Sequence[Generation]) -> Iterator[Unit]:
    number = 0
    slice_ms = _slice_ms(windows, found)
    for low, high in windows:
        for begin in range(low, high, slice_ms):
            for generation in found:
                first_ms, last_ms = _overlap((begin, min(begin + slice_ms, high)), generation)
                streams = generation.streams if first_ms < last_ms else ()
                for position in range(0, len(streams), STREAMS_PER_UNIT):
                    part = streams[position : position + STREAMS_PER_UNIT]
                    yield Unit(number, UnitKind.LOG, first_ms, last_ms, part)
                    number += 1


def _overlap(slice_: Window, generation: Generation) -> Window:
    low, high = slice_
    end_ms = high if generation.end_ms is None else generation.end_ms
    return max(low, generation.start_ms), min(high, end_ms)


def _slice_ms(windows: Sequence[Window], found: Sequence[Generation]) -> int:
    streams = max(len(generation.streams) for generation in found)
    total_ms = sum(high - low for low, high in windows)
    return max(SLICE_MS, total_ms * streams // MOST_QUERIES)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _show(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
