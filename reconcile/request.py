"""What a run is asked to do, what it tells while it runs, and what it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from reconcile.errors import ExitCode
from reconcile.model import (
    Finding,
    Kind,
    Mode,
    PipelineSettings,
    RepairPolicy,
    SourceSettings,
    Strategy,
    TableRef,
    TargetSettings,
)


@dataclass(frozen=True)
class Connections:
    """Everything that a run talks to."""

    source: SourceSettings
    target: TargetSettings
    pipeline: PipelineSettings


@dataclass(frozen=True)
class Limits:
    """What a run may do, and when it has to stop."""

    max_rows_per_second: float | None = None
    """Of the whole run, shared among its workers."""
    max_lag_seconds: float = 120.0
    """Nothing is confirmed while the pipeline is further behind."""
    settle_seconds: float = 120.0
    """How long a difference must stand before it counts."""
    max_wait_seconds: float = 1_800.0
    """How long the pipeline may take to catch up; then the run ends as incomplete and can be resumed."""
    max_candidates: int = 100_000
    """Rows that may differ at first sight before the scan stops: so many are not drift."""
    max_repairs: int = 1_000
    max_repair_ratio: float = 0.01
    """Of the compared rows."""
    max_runtime_seconds: float | None = None
    """After it the run stops at a checkpoint."""
    pause_file: Path | None = None
    """The run pauses while this file exists."""


@dataclass(frozen=True)
class RunRequest:
    """One run over one table."""

    table: TableRef
    mode: Mode = Mode.FULL
    since: datetime | None = None
    """INCREMENTAL: start of the window."""
    until: datetime | None = None
    """INCREMENTAL: end of the window; as late as the log is settled when not given."""
    strategy: Strategy = Strategy.LOOKUP
    page_rows: int = 10_000
    repair: RepairPolicy = RepairPolicy.NONE
    dry_run: bool = False
    """All steps of a repair, rolled back at the end."""
    resume: str | None = None
    """Run to go on with; `last` takes the table's last unfinished one."""
    workers: int | None = None
    """One for each CPU when not set."""
    executor: Literal["process", "dask"] = "process"
    scheduler: str | None = None
    """Dask's scheduler."""
    limits: Limits = Limits()
    spool_directory: Path = Path("reconcile-spool")
    fail_on: frozenset[Kind] = frozenset({Kind.MISSING, Kind.MISMATCH, Kind.EXTRA})


@dataclass(frozen=True)
class Progress:
    """How far a run is. Totals since the run began, over all its resumes."""

    table: str
    run_id: str
    phase: Literal["scan", "extra", "settle", "confirm", "repair"]
    units_total: int
    units_done: int
    units_failed: int
    fraction: float
    """Of the token range or time window that is done, 0 to 1."""
    source_rows: int
    rows_per_second: float
    """Over the last minute or so."""
    candidates: int
    """Differences seen that are not decided yet."""
    confirmed: int
    repaired: int
    lag_seconds: float | None = None
    """How far the pipeline is behind; None when it is not known."""


class Events(Protocol):
    """Where a run reports to while it runs."""

    def progress(self, progress: Progress) -> None:
        """A unit or a phase ended, or some seconds passed."""
        ...

    def finding(self, finding: Finding) -> None:
        """A difference was confirmed, or found unstable."""
        ...

    def message(self, text: str) -> None:
        """Something that a person should know: a retry, a split unit, a pause, a tripped breaker."""
        ...


@dataclass(frozen=True)
class RunSummary:
    """How a run ended, read back from its tables."""

    run_id: str
    table: str
    mode: Mode
    since: datetime | None
    until: datetime | None
    started_at: datetime
    ended_at: datetime
    units: Mapping[str, int]
    """total, done, failed."""
    rows: Mapping[str, int]
    """source, target, matched."""
    found: Mapping[str, int]
    """missing, mismatch, extra, invalid_key: confirmed; transient, unstable, unrepairable."""
    open: Mapping[str, int]
    """Confirmed and not repaired, by kind."""
    by_column: Mapping[str, int]
    by_cause: Mapping[str, int]
    repairs: Mapping[str, int]
    """applied, skipped_changed, reverted, unrepairable, dry_run."""
    exit_code: ExitCode
    ignored_columns: tuple[str, ...] = ()
    lag_seconds: float | None = None
    verified_through: datetime | None = None
    notes: tuple[str, ...] = ()
    """What a person should know: waited by time only, breaker tripped, why it is incomplete."""
    next_steps: tuple[str, ...] = field(default=())
    """Commands to type next."""
