"""Prints what a benchmark measured, with the machine that it was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

GIB = 1024**3


def machine() -> str:
    """Cores, memory and system of this machine."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, load {load}"


def show(title: str, figures: dict[str, str]) -> None:
    """Print a small table; `make bench` runs pytest with -s."""
    width = max(map(len, figures), default=0)
    print(f"\n{title} ({machine()})")
    for name, value in figures.items():
        print(f"  {name:<{width}}  {value}")
