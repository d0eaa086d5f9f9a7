"""Which hashes of keys are not among those that a run saw; see `Spool` for the files of those."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from reconcile.key_batch import Hashes

BUCKET_HASHES: Final = 250_000
MOST_BUCKETS: Final = 2048
BUFFERED_HASHES: Final = 500_000
ABSENT_AT_A_TIME: Final = 500_000


def absent_hashes(directory: Path, others: Iterable[Hashes]) -> Iterator[Hashes]:
    """Yield those of the other hashes that no file of the directory holds, sorted, some millions at a time.

    Both sides are cut into buckets by their highest bits, and met bucket by bucket, so that memory does not grow.
    """
    files = sorted(directory.glob("*.u64"))
    workspace = directory / "extra"
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    try:
        count = _bucket_count(sum(file.stat().st_size for file in files) // 8)
        _distribute((np.fromfile(file, np.uint64) for file in files), workspace / "seen", count)
        _distribute(others, workspace / "others", count)
        yield from _joined(_absent(workspace, count))
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _bucket_count(hashes: int) -> int:
    """The smallest power of two that keeps a bucket small."""
    count = 1
    while count < MOST_BUCKETS and count * BUCKET_HASHES < hashes:
        count *= 2
    return count


def _distribute(arrays: Iterable[Hashes], directory: Path, count: int) -> None:
    directory.mkdir()
    for hashes in _buffered(arrays):
        hashes.sort()
        bounds = np.arange(1, count, dtype=np.uint64) << np.uint64(64 - count.bit_length() + 1)
        for bucket, part in enumerate(np.split(hashes, np.searchsorted(hashes, bounds))):
            with (directory / str(bucket)).open("ab") as file:
                part.tofile(file)


def _buffered(arrays: Iterable[Hashes]) -> Iterator[Hashes]:
    """Larger arrays, so that each bucket gets more than a few hashes at a time."""
    waiting: list[Hashes] = []
    for hashes in arrays:
        waiting.append(hashes)
        if sum(map(len, waiting)) >= BUFFERED_HASHES:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _absent(workspace: Path, count: int) -> Iterator[Hashes]:
    for bucket in range(count):
        seen, others = (_read(workspace / side / str(bucket)) for side in ("seen", "others"))
        yield np.setdiff1d(others, seen)


def _joined(arrays: Iterator[Hashes]) -> Iterator[Hashes]:
    waiting: list[Hashes] = []
    for hashes in arrays:
        if len(hashes):
            waiting.append(hashes)
        if sum(map(len, waiting)) >= ABSENT_AT_A_TIME:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _read(path: Path) -> Hashes:
    return np.fromfile(path, np.uint64) if path.exists() else np.empty(0, np.uint64)
