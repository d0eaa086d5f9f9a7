"""The most memory that processes have held, as Linux counts it."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from typing import Self

MIB = 1024**2
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_POLL_SECONDS = 0.2


def peak_bytes(pid: int | str = "self") -> int:
    """Return the peak of a process's resident memory; 0 when it has ended."""
    try:
        match = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


class PeakWatch:
    """Watches a process and all that descend from it, until it ends.

    with PeakWatch(process) as watch:
        ...
    watch.peaks       # bytes by process id
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.peaks: dict[int, int] = {}
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
            for pid in _descendants(self._process.pid):
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
