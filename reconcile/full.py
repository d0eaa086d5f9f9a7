"""Full mode with look-ups: the work of one unit, and the search for rows that only PostgreSQL has.

A unit is a token range. Its rows are read from ScyllaDB in batches, the same keys are looked up in PostgreSQL within
milliseconds, and both are compared. The keys seen are remembered as hashes for the search.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from reconcile.compare import compare_batch
from reconcile.key_batch import Hashes, KeyBatch, source_keys, target_keys
from reconcile.model import Difference, Key, ScanOptions, Unit, UnitCounts, UnitResult
from reconcile.prefetch import prefetched
from reconcile.schema import TablePlan
from reconcile.seen import absent_hashes

Row = tuple[Any, ...]

_COLLECT_AFTER_OBJECTS: Final = 100_000


class SourceScan(Protocol):
    """Reads token ranges of ScyllaDB."""

    def scan(self, plan: TablePlan, low: int, high: int, page_rows: int, *, fetch_rows: int) -> Iterator[list[Row]]:
        """Yield raw rows, key columns first."""
        ...


class TargetLookup(Protocol):
    """Looks rows up in PostgreSQL."""

    def lookup(self, plan: TablePlan, keys: KeyBatch) -> list[Row]:
        """Return the raw rows that have these keys."""
        ...


class TargetKeys(Protocol):
    """Exports the keys of a table of PostgreSQL."""

    def keys_raw(self, plan: TablePlan) -> Iterator[list[Row]]:
        """Yield all raw keys."""
        ...


def scan_unit(
    source: SourceScan, target: TargetLookup, plan: TablePlan, unit: Unit, options: ScanOptions
) -> UnitResult:
    """Compare the rows of a token range.

    Raises:
        SourceReadError, TargetReadError: a side could not be read in the end; nothing of the unit counts then.
    """
    started = time.monotonic()
    counts = UnitCounts()
    candidates: list[Difference] = []
    hashes = []
    with collecting_seldom(), closing(prefetched(_looked_up(source, target, plan, unit, options), 1)) as batches:
        for batch in batches:
            result = compare_batch(plan, batch.keys, batch.rows, batch.found)
            candidates += result.candidates
            hashes.append(batch.keys.hashes())
            counts += UnitCounts(len(batch.rows), len(batch.found), result.matched_rows, batch.static_only)
            pace(started, counts.source_rows, options.max_rows_per_second)
    counts += UnitCounts(seconds=time.monotonic() - started)
    seen = np.concatenate(hashes).tobytes() if hashes else b""
    return UnitResult(unit, counts, tuple(candidates), seen)


class _LookedUp(NamedTuple):
    """Rows of the source, and what the target has of their keys."""

    rows: Sequence[Row]
    keys: KeyBatch
    found: list[Row]
    static_only: int


def _looked_up(
    source: SourceScan, target: TargetLookup, plan: TablePlan, unit: Unit, options: ScanOptions
) -> Iterator[_LookedUp]:
    """Read both sides. While PostgreSQL looks up a batch, the next rows arrive and the last ones are compared."""
    for batch in source.scan(plan, unit.low, unit.high, options.page_rows, fetch_rows=options.fetch_rows):
        rows = rows_with_key(plan, batch)
        keys = source_keys(plan.key, rows)
        yield _LookedUp(rows, keys, target.lookup(plan, keys) if rows else [], len(batch) - len(rows))


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Rows make no reference cycles, and looking for them again and again costs a fifth of the time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def rows_with_key(plan: TablePlan, rows: Sequence[Row]) -> Sequence[Row]:
    """Leave out what stands for partitions that hold only static columns: it is no row of the target."""
    if not plan.has_static_columns:
        return rows
    first, end = len(plan.partition_key), len(plan.key)
    return [row for row in rows if None not in row[first:end]]


def pace(started: float, rows: int, max_rows_per_second: float | None) -> None:
    """Wait until `rows` since `started` (monotonic seconds) are no more than the rate allows."""
    if max_rows_per_second:
        time.sleep(max(0.0, started + rows / max_rows_per_second - time.monotonic()))


def find_extra(target: TargetKeys, plan: TablePlan, directory: Path) -> Iterator[list[Key]]:
    """Yield the canonical keys of PostgreSQL that no unit saw. A key with a NULL can match no row of the source.

    Args:
        directory: the files of `UnitResult.seen_hashes`, one for each unit.

    The keys are read twice when there are extra rows, otherwise once. Memory does not grow with the table. Two keys
    with one hash can hide an extra row; they never make one.
    """

    def hashes() -> Iterator[Hashes]:
        for rows in target.keys_raw(plan):
            yield target_keys(plan.key, _without_null(rows)).hashes()

    for absent in absent_hashes(directory, hashes()):
        for rows in target.keys_raw(plan):
            complete = _without_null(rows)
            is_absent = np.isin(target_keys(plan.key, complete).hashes(), absent)
            if extra := [plan.target_key(complete[index]) for index in np.flatnonzero(is_absent)]:
                yield extra
    if plan.key_may_be_null:
        for rows in target.keys_raw(plan):
            if invalid := [plan.target_key(row) for row in rows if None in row]:
                yield invalid


def _without_null(rows: list[Row]) -> list[Row]:
    return [row for row in rows if None not in row]
