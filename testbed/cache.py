"""Build cache: directories keyed by the content that they were made from.

An entry is either complete or absent. It is built in a temporary directory beside it and renamed at the end, under a
lock per key, so that two builders at once do the work once and a crash leaves nothing but a directory that the next
builder removes.
"""

import fcntl
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_VARIABLE = "SCYLLA_PG_CDC_CACHE"

Progress = Callable[[str], None]


def say(message: str) -> None:
    """Print one line of progress on standard error."""
    print(message, file=sys.stderr, flush=True)


def root() -> Path:
    """Return the cache directory: `$SCYLLA_PG_CDC_CACHE`, else `~/.cache/scylla-pg-cdc`."""
    configured = os.environ.get(CACHE_VARIABLE)
    return Path(configured).absolute() if configured else Path.home() / ".cache" / "scylla-pg-cdc"


def entry(name: str, key: str, build: Callable[[Path], None], progress: Progress = say) -> Path:
    """Return the directory of an entry, building it first when it is absent.

    Args:
        name: What the entry holds, such as `pulumi-resource-docker`; letters, digits, dot, dash, underscore.
        key: Digest of everything that the content depends on.
        build: Fills the empty directory that it is given. When it raises, the entry stays absent.
        progress: Receives a line when another process is building the same entry.

    Raises:
        ValueError: `name` or `key` cannot be a file name.
    """
    for part in (name, key):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part):
            raise ValueError(f"{part!r} cannot be part of a cache entry's name")
    path = find(name, key)
    if path.is_dir():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path.with_name(f".{key}.lock"), f"{name}: another process is building it, waiting", progress):
        if not path.is_dir():
            _remove_leftovers(path.parent, own=key)
            _build(path, build)
    return path


def find(name: str, key: str) -> Path:
    """Return where the entry is, or would be, without building it."""
    return root() / name / key


def _build(path: Path, build: Callable[[Path], None]) -> None:
    temporary = path.with_name(f".{path.name}.building")
    temporary.mkdir()
    try:
        build(temporary)
        os.sync()  # the rename must not reach the disk before the content does
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _remove_leftovers(folder: Path, own: str) -> None:
    """Remove the directories of builders that died: those whose lock nobody holds. `own` is locked by the caller."""
    for leftover in folder.glob(".*.building"):
        key = leftover.name.removeprefix(".").removesuffix(".building")
        with (folder / f".{key}.lock").open("w") as lock:
            try:
                if key != own:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its builder is at work
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _lock(path: Path, waiting: str, progress: Progress) -> Iterator[None]:
    """Hold an advisory lock; the kernel releases it when the process ends, however it ends."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
