"""What can go wrong, with the exit code of the command line. Messages say what to do; none holds a secret."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """How `reconcile` ends."""

    CLEAN = 0
    """Both sides are equal, or every difference was repaired and verified."""
    DIFFERENCES = 1
    """Confirmed differences are open."""
    CONFIG = 2
    """Usage, configuration or schema."""
    INCOMPLETE = 3
    """Something was not compared or not decided: failed units, limits, breaker, unstable rows. Wins over 1."""
    UNREACHABLE = 4
    """A database does not answer."""
    ALREADY_RUNNING = 5
    """Another run holds the table."""
    INTERRUPTED = 130
    """Stopped by a signal; `--resume` goes on."""


class ReconcileError(Exception):
    """Base of all errors of this package."""

    exit_code = ExitCode.INCOMPLETE


class ConfigError(ReconcileError):
    """The request, the configuration or a schema makes a comparison impossible; names table and column or key."""

    exit_code = ExitCode.CONFIG


class LogTooShortError(ConfigError):
    """The CDC log does not reach back as far as an incremental run is asked to; a full run is the way out."""


class UnreachableError(ReconcileError):
    """A database or service does not answer; names it."""

    exit_code = ExitCode.UNREACHABLE


class RefusedError(ReconcileError):
    """PostgreSQL answers, but ended a statement: a lock that is not let go, a full disk, a query that took too long."""


class AlreadyRunningError(ReconcileError):
    """Another run holds the table's lock; names that run."""

    exit_code = ExitCode.ALREADY_RUNNING


class InterruptedRunError(ReconcileError):
    """A signal or a limit stopped the run at a checkpoint."""

    exit_code = ExitCode.INTERRUPTED


PRECEDENCE = (
    ExitCode.UNREACHABLE,
    ExitCode.CONFIG,
    ExitCode.ALREADY_RUNNING,
    ExitCode.INTERRUPTED,
    ExitCode.INCOMPLETE,
    ExitCode.DIFFERENCES,
    ExitCode.CLEAN,
)
"""Worst first."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that wins when several runs end differently; CLEAN for none."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.CLEAN)
