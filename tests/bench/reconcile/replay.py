"""Compares a recording again and again while the peak of this process's memory is watched; runs in a process alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reconcile.full import scan_unit
from reconcile.key_batch import Hashes
from reconcile.model import ScanOptions, SourceSettings, TableRef, TargetSettings
from reconcile.schema import plan_table
from reconcile.seen import absent_hashes
from reconcile.source import SourceClient
from reconcile.spool import Spool
from reconcile.target import TargetClient
from reconcile.tokens import plan_units, unit_count
from tests.bench.reconcile.recorded import RecordedSource, RecordedTarget, record
from tests.support.memory import peak_bytes

FIRST_ROWS = 1_000_000


class Peaks(NamedTuple):
    """The most memory that the process had held when so many rows were compared, in bytes."""

    rows: int
    matched: int
    recorded: int
    """With the recording, before anything was compared."""
    first: int
    """After FIRST_ROWS."""
    last: int
    """After all rows."""
    extra: int
    """After the search for extra rows among as many keys."""
    absent: int
    """Keys that this search found; there are none."""


def replay(source: SourceSettings, target: TargetSettings, ref: TableRef, recorded_rows: int, least_rows: int) -> Peaks:
    """Compare at least so many rows, then look for extra ones. Each time through the recording counts as new rows."""
    with SourceClient(source) as source_client, TargetClient(target) as target_client:
        plan = plan_table(source_client, target_client, ref)
        units = plan_units(unit_count(source_client.estimated_bytes(ref), 1))
        recording = record(source_client, target_client, plan, units, recorded_rows)
    recorded, first, rows, matched, rounds = peak_bytes(), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory), "replay")
        while rows < least_rows:
            replayed_source, replayed_target = RecordedSource(recording), RecordedTarget(recording, plan)
            for number, unit in enumerate(recording.units, rounds * len(recording.units)):
                result = scan_unit(replayed_source, replayed_target, plan, unit, ScanOptions())
                rows += result.counts.source_rows
                matched += result.counts.matched_rows - len(result.candidates)
                spool.write(number, _other_keys(result.seen_hashes, rounds))
            rounds += 1
            if rows <= max(FIRST_ROWS, recording.rows):
                first = peak_bytes()
        last = peak_bytes()
        absent = sum(map(len, absent_hashes(spool.path, _spooled(spool.path))))
    return Peaks(rows, matched, recorded, first, last, peak_bytes(), absent)


def _other_keys(hashes: bytes, rounds: int) -> bytes:
    """The hashes that as many other keys might have."""
    return (np.frombuffer(hashes, np.uint64) + np.uint64(rounds * 0x9E3779B97F4A7C15 % 2**64)).tobytes()


def _spooled(directory: Path) -> Iterator[Hashes]:
    for file in directory.glob("*.u64"):
        yield np.fromfile(file, np.uint64)
