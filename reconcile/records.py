"""Rows of the bookkeeping tables, as the code sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from reconcile.model import Cause, ColumnDifference, Difference, Kind, Mode, RepairPolicy, State, Strategy


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """A signal or an error stopped it at a checkpoint."""
    CRASHED = "crashed"
    """Its process is gone without a word."""
    INCOMPLETE = "incomplete"
    """It ended, but something was not compared or not decided."""
    FINISHED = "finished"


RESUMABLE = (RunState.INTERRUPTED, RunState.CRASHED, RunState.INCOMPLETE)


UNSETTLED = (State.OPEN, State.UNSTABLE, State.UNREPAIRABLE)
"""States of findings that still say: the two sides differ here."""


class Phase(StrEnum):
    """The parts of a run, in order."""

    SCAN = "scan"
    EXTRA = "extra"
    CONFIRM = "confirm"
    REPAIR = "repair"
    DONE = "done"


class Outcome(StrEnum):
    """How the repair of one row ended."""

    APPLIED = "applied"
    SKIPPED_CHANGED = "skipped_changed"
    """A side changed between the look and the write, so nothing was written."""
    REVERTED = "reverted"
    """Our own insert was taken back: the source had deleted or changed the row meanwhile."""
    UNREPAIRABLE = "unrepairable"
    """PostgreSQL cannot hold the value."""
    DRY_RUN = "dry_run"
    FAILED = "failed"


class Action(StrEnum):
    """What a repair wrote."""

    INSERT = "insert"
    UPDATE = "update"
    UNDO_INSERT = "undo_insert"
    UNDO_UPDATE = "undo_update"


@dataclass(frozen=True)
class RunRecord:
    """A row of `reconciliation_runs`."""

    run_id: UUID
    table_name: str
    target_name: str
    mode: Mode
    strategy: Strategy
    repair_policy: RepairPolicy
    dry_run: bool
    window_start: datetime | None
    window_end: datetime | None
    fingerprint: str
    state: RunState
    phase: Phase
    owner: UUID
    host: str
    process_id: int
    attempt: int
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    running_seconds: float
    exit_code: int | None
    waits_by: str | None
    lag_seconds: float | None
    breaker: str | None
    notes: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    verified_from: datetime | None
    verified_through: datetime | None


@dataclass(frozen=True)
class Candidate:
    """A row of `reconciliation_candidates`: it differed at a look and is not decided."""

    fingerprint: bytes
    key: dict[str, Any]
    """Key columns as JSON values."""
    difference_kind: Kind
    columns: tuple[str, ...]
    source_fingerprint: bytes
    target_fingerprint: bytes
    target_xmin: str | None
    first_seen: datetime
    last_looked: datetime | None
    stable_looks: int
    looks: int
    changes: int


@dataclass(frozen=True)
class NewFinding:
    """A decided difference on its way into `reconciliation_log`."""

    fingerprint: bytes
    key: dict[str, Any]
    difference: Difference
    cause: Cause
    state: State
    columns: tuple[ColumnDifference, ...]
    target_xmin: str | None
    first_seen: datetime
    checks: int
    changes: int


@dataclass(frozen=True)
class LogRecord:
    """A row of `reconciliation_log`."""

    log_id: int
    run_id: UUID
    table_name: str
    kind: Kind
    cause: Cause
    state: State
    pk: dict[str, Any]
    pk_fingerprint: bytes
    differing_columns: tuple[str, ...]
    diff: list[dict[str, Any]]
    source_fingerprint: bytes
    target_fingerprint: bytes
    target_xmin: str | None
    first_seen: datetime
    confirmed_at: datetime
    checks: int
    changes: int
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it still says that the sides differ."""
        return self.state in UNSETTLED


@dataclass(frozen=True)
class RepairRecord:
    """A row of `reconciliation_repairs`."""

    repair_id: int
    log_id: int
    run_id: UUID
    table_name: str
    attempt: int
    action: Action
    outcome: Outcome
    columns: tuple[str, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    source_fingerprint: bytes
    seen_xmin: str | None
    xid: str | None
    detail: str | None
    undoes: int | None
    repaired_at: datetime
    verified_at: datetime | None
