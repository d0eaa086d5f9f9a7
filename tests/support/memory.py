"""The most memory that processes have held, as Linux counts it."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from typing import Self

MIB = 1024**2
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_NOW = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)
_POLL_SECONDS = 0.2


def peak_bytes(pid: int | str = "self") -> int:
    """Return the peak of a process's resident memory; 0 when it has ended."""
    return _status_bytes(_PEAK, pid)


def _status_bytes(line: re.Pattern[str], pid: int | str) -> int:
    try:
        match = line.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


class PeakWatch:
    """Watches a process and all that descend from it, until it ends.

    with PeakWatch(process) as watch:
        ...
    watch.peaks       # bytes by process id
    watch.together    # the most that all held at a time, in bytes; memory that they share counts for each
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.peaks: dict[int, int] = {}
        self.together = 0
        self._process = process
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            pids = _descendants(self._process.pid)
            self.together = max(self.together, sum(_status_bytes(_NOW, pid) for pid in pids))
            for pid in pids:
                self.peaks[pid] = max(self.peaks.get(pid, 0), peak_bytes(pid))


def _descendants(root: int) -> list[int]:
    """The process and its children, their children, and so on."""
    found = [root]
    for pid in found:  # grows meanwhile
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # it has just ended
    return found
