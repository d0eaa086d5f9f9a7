"""The likely cause of a finding, decided from evidence that `cause` gathers.

A tag is given only where the evidence leaves no other ordinary explanation; `unknown` is an honest answer, a wrong
guess sends somebody to the wrong place at night.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconcile.log_changes import Operation
from reconcile.model import Cause, Kind

CLOCK_SKEW_MS: Final = 5_000
"""How far the clocks of the writers, ScyllaDB and PostgreSQL may be apart."""

_WRITES: Final = frozenset({Operation.INSERT, Operation.UPDATE})


@dataclass(frozen=True)
class Event:
    """A change in the CDC log that covers a row."""

    time_ms: int
    operation: Operation
    """The start of a range stands for the range."""
    deletes_span: bool = False
    """A range or partition delete, which names no row and so is not delivered."""
    ttl_seconds: int | None = None
    equals_target: bool | None = None
    """Whether PostgreSQL now holds what the row was after the change; None when there is no image to compare."""

    def expired(self, now_ms: int) -> bool:
        """What was written has expired since."""
        return bool(self.ttl_seconds) and self.time_ms + 1000 * (self.ttl_seconds or 0) <= now_ms


@dataclass(frozen=True)
class Cell:
    """A differing cell."""

    source_is_null: bool
    target_is_null: bool
    written_ms: int | None
    """WRITETIME in ScyllaDB; None for NULL, collections and user types."""
    lossy: bool = False
    """PostgreSQL holds what its column type can hold of the value."""


@dataclass(frozen=True)
class Evidence:
    """What is known about one finding."""

    kind: Kind
    now_ms: int
    log_start_ms: int
    """The CDC log holds all changes since."""
    lag_ms: int
    """How late the pipeline may apply a change when it works."""
    enabled_ms: int | None = None
    """When CDC was enabled; None when the server does not tell."""
    events: tuple[Event, ...] = ()
    """Newest first."""
    all_events: bool = True
    """False when the log was too long to be read to its beginning."""
    cells: tuple[Cell, ...] = ()
    """MISMATCH: the differing cells."""
    row_written_ms: int | None = None
    """Newest WRITETIME of the row in ScyllaDB."""
    representable: bool = True
    """PostgreSQL can hold the row's values."""
    default_ttl: bool = False
    """The table has a default TTL."""
    committed_ms: int | None = None
    """When PostgreSQL's row was written; None where commit times are not tracked, or forgotten."""


def decide(evidence: Evidence) -> Cause:
    """The cause, by the first rule that holds; `unknown` when none does."""
    return next((cause for cause, holds in _RULES if holds(evidence)), Cause.UNKNOWN)


def _unrepresentable(evidence: Evidence) -> bool:
    return not evidence.representable


def _type_lossy(evidence: Evidence) -> bool:
    return bool(evidence.cells) and all(cell.lossy for cell in evidence.cells)


def _range_or_partition_delete(evidence: Evidence) -> bool:
    return evidence.kind is Kind.EXTRA and bool(evidence.events) and evidence.events[0].deletes_span


def _ttl_expired(evidence: Evidence) -> bool:
    newest = evidence.events[0] if evidence.events else None
    if evidence.kind is Kind.EXTRA:
        if newest is not None:
            return newest.operation in _WRITES and newest.expired(evidence.now_ms)
        # Written and expired before the log begins, unless somebody wrote the row since.
        return evidence.default_ttl and evidence.all_events and not _pg_local_write(evidence)
    return (
        newest is not None
        and newest.equals_target is True  # PostgreSQL is up to date with the log, and still ScyllaDB differs
        and all(cell.source_is_null for cell in evidence.cells)
        and any(event.expired(evidence.now_ms) for event in evidence.events)
    )


def _null_overwrite(evidence: Evidence) -> bool:
    newest_ms = evidence.row_written_ms
    return (
        bool(evidence.cells)
        and newest_ms is not None
        and all(
            cell.target_is_null and cell.written_ms is not None and cell.written_ms < newest_ms
            for cell in evidence.cells
        )
    )


def _stale_update(evidence: Evidence) -> bool:
    if evidence.kind is not Kind.MISMATCH or not evidence.events:
        return False
    newest, *older = evidence.events
    if newest.equals_target:
        return False
    return any(event.equals_target for event in older) or _older_than(evidence, newest)


def _never_arrived(evidence: Evidence) -> bool:
    if not evidence.events:
        return False
    newest, *older = evidence.events
    if evidence.kind is Kind.MISSING:
        return newest.operation in _WRITES
    if evidence.kind is not Kind.EXTRA or newest.operation in _WRITES or newest.deletes_span:
        return False
    # A delete of a row by its key is delivered; this one left the row as it was before.
    since_ms = evidence.committed_ms
    rewritten = since_ms is not None and since_ms > newest.time_ms + evidence.lag_ms
    left = any(event.equals_target for event in older) and not rewritten
    return left or _older_than(evidence, newest)


def _pre_cdc(evidence: Evidence) -> bool:
    enabled_ms, written_ms = evidence.enabled_ms, evidence.row_written_ms
    if enabled_ms is None or written_ms is None or written_ms >= enabled_ms or evidence.events:
        return False
    if evidence.kind is Kind.MISSING:
        return True
    committed_ms = evidence.committed_ms
    return evidence.kind is Kind.MISMATCH and committed_ms is not None and committed_ms < enabled_ms


def _pg_local_write(evidence: Evidence) -> bool:
    """PostgreSQL's row was written when the pipeline had nothing to write, and is no state that the row ever had."""
    committed_ms = evidence.committed_ms
    if committed_ms is None or not evidence.all_events or evidence.kind not in (Kind.EXTRA, Kind.MISMATCH):
        return False
    earliest_ms = committed_ms - evidence.lag_ms
    delivered = any(earliest_ms <= event.time_ms <= committed_ms + CLOCK_SKEW_MS for event in evidence.events)
    known_state = any(event.equals_target for event in evidence.events)
    return earliest_ms >= evidence.log_start_ms and not delivered and not known_state


def _older_than(evidence: Evidence, event: Event) -> bool:
    """PostgreSQL's row was written before the event and never after it."""
    return evidence.committed_ms is not None and evidence.committed_ms + CLOCK_SKEW_MS < event.time_ms


_RULES: Final[tuple[tuple[Cause, Callable[[Evidence], bool]], ...]] = (
    # These two are facts about the value; they explain the absence of a row better than its event in the log does.
    (Cause.UNREPRESENTABLE, _unrepresentable),
    (Cause.TYPE_LOSSY, _type_lossy),
    (Cause.RANGE_OR_PARTITION_DELETE, _range_or_partition_delete),
    (Cause.TTL_EXPIRED, _ttl_expired),
    (Cause.NULL_OVERWRITE, _null_overwrite),
    (Cause.STALE_UPDATE, _stale_update),
    (Cause.NEVER_ARRIVED, _never_arrived),
    (Cause.PRE_CDC, _pre_cdc),
    (Cause.PG_LOCAL_WRITE, _pg_local_write),
)
