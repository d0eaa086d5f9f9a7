"""Which stack a command works on when nobody said."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.docker import Docker
from ops.project import TEST_STACK

PROBE_IMAGE: Final = "postgres:15.5"
_PROBE_SECONDS: Final = 15.0
_RECORD: Final = "stack"


@dataclass(frozen=True)
class Choice:
    """A stack, and why it was taken."""

    stack: str
    reason: str


def choose_stack(given: str, state_dir: Path, docker: Docker) -> Choice:
    """Return the stack to bring up: as given, as before, `dev` where images can be pulled, else `testbed`."""
    if given:
        return Choice(given, "as asked")
    remembered = last_stack(state_dir)
    if remembered:
        return Choice(remembered, "as last time in this checkout")
    can_pull, problem = docker.can_pull(PROBE_IMAGE, _PROBE_SECONDS)
    if can_pull:
        return Choice("dev", "public images can be pulled here")
    return Choice("testbed", f"public images cannot be pulled here ({problem})")


def last_stack(state_dir: Path) -> str:
    """Return the stack that was brought up last in this checkout; empty when there is none."""
    try:
        return (state_dir / _RECORD).read_text().strip()
    except OSError:
        return ""


def remember_stack(stack: str, state_dir: Path) -> None:
    """Make this the stack that the other commands work on; the tests' stack never is."""
    if stack == TEST_STACK:
        return
    temporary = state_dir / f".{_RECORD}.{os.getpid()}"
    temporary.write_text(f"{stack}\n")
    temporary.replace(state_dir / _RECORD)


def forget_stack(stack: str, state_dir: Path) -> None:
    """Undo `remember_stack`, if it was this one."""
    if last_stack(state_dir) == stack:
        (state_dir / _RECORD).unlink(missing_ok=True)
