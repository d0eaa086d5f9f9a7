"""Candidate or finding: a difference counts when both sides stood still while the pipeline passed.

Two looks in a row that see the same on both sides, with the pipeline past the first of them before the second began:
then every change from before the first look was applied or lost, and PostgreSQL did not change in between (its row has
the same xmin). Rows that keep changing are given up as unstable after some looks; they are reported, never repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Final
from uuid import UUID

from reconcile.candidates import CandidateBook, Look
from reconcile.control import Control, LimitReachedError
from reconcile.keys import key_from_json
from reconcile.look import BATCH_ROWS, Seen, batches
from reconcile.model import Cause, ColumnDifference, Difference, Key, Kind, State
from reconcile.records import Candidate, LogRecord, NewFinding
from reconcile.schema import TablePlan
from reconcile.watermark import Barrier, NotKnownError, Watermark

DECIDED_AT_ONCE: Final = 10 * BATCH_ROWS
"""Candidates; the CDC log, which tells the causes, is read once for so many."""
STABLE_LOOKS: Final = 2
MOST_CHANGES: Final = 10
"""Looks that may see a row changed before it counts as unstable."""
_POLL_SECONDS: Final = 2.0
_FUTURE: Final = timedelta(minutes=1)
"""Writetimes further ahead than this are the writer's own invention and prove nothing."""


@dataclass(frozen=True)
class Options:
    """How careful a confirmation is."""

    settle_seconds: float
    """Least time between two looks."""
    max_wait_seconds: float
    """How long the pipeline may take to catch up before the run ends as incomplete."""
    stable_looks: int = STABLE_LOOKS
    most_changes: int = MOST_CHANGES


@dataclass(frozen=True)
class Tools:
    """What a confirmation needs of the rest of the run."""

    look: Callable[[Sequence[Key]], Mapping[Key, Seen]]
    tag: Callable[[Sequence[Difference]], Sequence[Cause]]
    describe: Callable[[Sequence[Seen]], Sequence[tuple[ColumnDifference, ...]]]
    """The differing cells of each row as text, with their writetimes."""
    newest_writes: Callable[[Sequence[Key]], Mapping[Key, datetime]]
    """When rows of the source were last written; those of which the server does not tell are left out."""
    watermark: Watermark
    control: Control
    found: Callable[[NewFinding], None]
    """Called for each finding after it is recorded."""
    tell: Callable[[str], None]
    progress: Callable[[str], None]
    """Called now and then with `settle` or `confirm`."""


class Confirmation:
    """Decides all candidates of a run."""

    def __init__(self, book: CandidateBook, plan: TablePlan, tools: Tools, options: Options) -> None:
        self._book = book
        self._plan = plan
        self._tools = tools
        self._options = options

    def run(self) -> None:
        """Look, wait, look again, until nothing is undecided. Can be interrupted and called again at any point.

        Raises:
            LimitReachedError: the pipeline did not catch up in time.
        """
        waited_for: datetime | None = None
        while True:
            latest, fresh = self._book.last_looked()
            if latest is None and not fresh:
                return
            if latest is not None and not fresh and latest != waited_for:
                self._wait(latest)
                waited_for = latest
            self._round(passed=waited_for)

    def _wait(self, latest: datetime) -> None:
        """Until the pipeline has passed the last look, and settle has gone by."""
        tools, settle = self._tools, timedelta(seconds=self._options.settle_seconds)
        wait_for(tools.watermark.barrier(latest), latest + settle, self._options.max_wait_seconds, tools)

    def _round(self, passed: datetime | None) -> None:
        """Look once at every undecided candidate; `passed` is the moment that the pipeline had passed before."""
        after = b""
        while batch := self._book.pending(DECIDED_AT_ONCE, after):
            after = batch[-1].fingerprint
            self._tools.control.check()
            looks, findings = self._decide(batch, passed)
            self._book.commit(looks, findings)
            for finding in findings:
                self._tools.found(finding)

    def _decide(self, batch: Sequence[Candidate], passed: datetime | None) -> tuple[list[Look], list[NewFinding]]:
        keys = {candidate.fingerprint: key_from_json(self._plan, candidate.key) for candidate in batch}
        seen = self._look([keys[c.fingerprint] for c in batch if c.difference_kind is not Kind.INVALID_KEY])
        rows = [seen.get(keys[each.fingerprint]) or _invalid(each, keys[each.fingerprint]) for each in batch]
        same = [_is_same(candidate, row) for candidate, row in zip(batch, rows, strict=True)]
        written = self._tools.newest_writes([row.key for row in compress(rows, same) if _is_missing(row)])
        looks: list[Look] = []
        decided: list[tuple[Candidate, Seen, State]] = []
        for candidate, row, is_same in zip(batch, rows, same, strict=True):
            stable = is_same and not _comes_and_goes(written.get(row.key), candidate.last_looked)
            look = Look(candidate, row.difference, row.xmin, row.looked_at, stable)
            if row.difference and (state := self._state(look, passed)):
                decided.append((candidate, row, state))
            looks.append(look)
        return looks, self._findings(decided)

    def _state(self, look: Look, passed: datetime | None) -> State | None:
        """What the difference is by now; None while it is undecided."""
        candidate, previous = look.candidate, look.candidate.last_looked
        if candidate.difference_kind is Kind.INVALID_KEY:
            return State.OPEN  # no source row can have a NULL in its key, now or later
        if not look.stable:
            return State.UNSTABLE if candidate.changes + 1 >= self._options.most_changes else None
        settled = previous is not None and passed is not None and previous <= passed
        return State.OPEN if settled and candidate.stable_looks + 1 >= self._options.stable_looks else None

    def _look(self, keys: Sequence[Key]) -> dict[Key, Seen]:
        seen: dict[Key, Seen] = {}
        for part in batches(keys):
            self._tools.control.check()
            self._tools.progress("confirm")
            seen |= self._tools.look(part)
        return seen

    def _findings(self, decided: Sequence[tuple[Candidate, Seen, State]]) -> list[NewFinding]:
        if not decided:
            return []
        differences = [row.difference for _, row, _ in decided if row.difference]
        self._tools.tell(f"looking for the causes of {len(differences):,} differences")
        causes = self._tools.tag(differences)
        described = self._tools.describe([row for _, row, _ in decided])
        return [
            NewFinding(
                fingerprint=candidate.fingerprint,
                key=candidate.key,
                difference=difference,
                cause=cause,
                state=state,
                columns=columns,
                target_xmin=row.xmin,
                first_seen=candidate.first_seen,
                checks=candidate.looks + 1,
                changes=candidate.changes + (0 if state is State.OPEN else 1),
            )
            for (candidate, row, state), difference, cause, columns in zip(
                decided, differences, causes, described, strict=True
            )
        ]


def _is_same(candidate: Candidate, row: Seen) -> bool:
    """Whether both sides are as they were at the look before; never at the first one."""
    difference = row.difference
    return (
        candidate.last_looked is not None
        and difference is not None
        and (candidate.difference_kind, candidate.columns, candidate.target_xmin)
        == (difference.kind, tuple(difference.columns), row.xmin)
        and (candidate.source_fingerprint, candidate.target_fingerprint)
        == (difference.source_fingerprint, difference.target_fingerprint)
    )


def _is_missing(row: Seen) -> bool:
    return row.difference is not None and row.difference.kind is Kind.MISSING


def _comes_and_goes(written: datetime | None, previous: datetime | None) -> bool:
    """Whether a missing row was deleted and written again since the look before.

    Where PostgreSQL has the row its xmin tells of changes; an absent one has none.
    """
    return previous is not None and written is not None and previous < written < datetime.now(UTC) + _FUTURE


def _invalid(candidate: Candidate, key: Key) -> Seen:
    """A row with a NULL in its key cannot be read by it: it stands as the export saw it."""
    return Seen(key, None, None, Difference(key, candidate.difference_kind), datetime.now(UTC))


def wait_for(barrier: Barrier, not_before: datetime, max_wait_seconds: float, tools: Tools) -> None:
    """Wait until the pipeline has passed the barrier, and at least until `not_before`.

    Raises:
        LimitReachedError: it took longer than `max_wait_seconds` after `not_before`.
    """
    reason = "it has not come that far"
    give_up = max(not_before, datetime.now(UTC)) + timedelta(seconds=max_wait_seconds)
    while True:
        tools.control.check()
        tools.progress("settle")
        now = datetime.now(UTC)
        try:
            if now >= not_before and barrier.passed():
                return
        except NotKnownError as error:
            reason = str(error)
        if now >= give_up:
            lag = tools.watermark.lag_seconds()
            behind = "" if lag is None else f"; it is {lag:.0f} s behind"
            raise LimitReachedError(
                f"the pipeline did not catch up within {max_wait_seconds:g} s ({reason}{behind}): nothing can be "
                "confirmed. See whether the connectors run, then go on with --resume"
            )
        tools.control.sleep(_next_poll_seconds(now, not_before))


def _next_poll_seconds(now: datetime, not_before: datetime) -> float:
    remaining = (not_before - now).total_seconds()
    return remaining if 0 < remaining < _POLL_SECONDS else _POLL_SECONDS


def recheck(
    book: CandidateBook,
    plan: TablePlan,
    look: Callable[[Sequence[Key]], Mapping[Key, Seen]],
    control: Control,
    run_id: UUID | None = None,
) -> tuple[int, int]:
    """Look again at findings that still stand, of one run or of all over the table; close those that are equal now.

    Returns how many were looked at and how many were closed.
    """
    looked = closed = after = 0
    while batch := book.unsettled(BATCH_ROWS, after, run_id):
        after = batch[-1].log_id
        control.check()
        equal = _equal(plan, look, batch)
        book.resolve(equal)
        looked, closed = looked + len(batch), closed + len(equal)
    return looked, closed


def _equal(
    plan: TablePlan, look: Callable[[Sequence[Key]], Mapping[Key, Seen]], batch: Sequence[LogRecord]
) -> list[bytes]:
    rows = {key_from_json(plan, row.pk): row for row in batch if row.kind is not Kind.INVALID_KEY}
    seen = look(list(rows)) if rows else {}
    return [rows[key].pk_fingerprint for key, row in seen.items() if row.difference is None]
