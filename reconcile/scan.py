"""The first part of a run: all units are done, on some executor, and each is recorded with what it saw."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconcile import tracing
from reconcile.control import Control
from reconcile.errors import ConfigError, ReconcileError
from reconcile.executor import Executor
from reconcile.fingerprints import key_fingerprint
from reconcile.journal import Journal, NewCandidate
from reconcile.keys import key_to_json
from reconcile.model import Difference, Unit, UnitResult
from reconcile.schema import TablePlan
from reconcile.spool import Spool

MOST_ATTEMPTS: Final = 3
_WAIT_SECONDS: Final = 0.5
_QUEUED_UNITS: Final = 2
"""Units that wait for each worker, so that none is idle while a result is recorded."""


class TooManyCandidatesError(ReconcileError):
    """So many rows differ that looking further shows nothing new."""


@dataclass
class Pace:
    """How many units are in flight: fewer after an error, more again while all goes well."""

    most: int
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.most

    def failed(self) -> None:
        """The databases may have too much to do."""
        self.now = max(1, self.now // 2)

    def succeeded(self) -> None:
        """One more."""
        self.now = min(self.most, self.now + 1)


@dataclass
class Scan:
    """Does what is left of a run's units."""

    journal: Journal
    plan: TablePlan
    executor: Executor
    control: Control
    spool: Spool | None
    """Where the keys that were seen are kept, for the search of extra rows; None when there is none."""
    max_candidates: int
    between: Callable[[], None]
    """Called about twice a second: progress, and waiting while the pipeline is far behind."""
    tell: Callable[[str], None]
    retry_seconds: float = 5.0
    """Pause before a unit is tried again; twice as long for the next attempt."""
    _attempts: dict[int, int] = field(default_factory=dict)
    _candidates: int = 0

    def run(self) -> None:
        """Do all units that are not done.

        Raises:
            TooManyCandidatesError: there are more candidates than a run may have.
        """
        units = self.pending()
        pace = Pace(self.executor.parallelism * _QUEUED_UNITS)
        later: list[tuple[float, Unit]] = []
        in_flight = 0
        self._candidates = self.journal.totals().candidates
        while units or later or in_flight:
            self.between()  # first, so that a run that is paused has shown where it stands
            self.control.check()
            later, due = _split(later)
            units += due
            while units and in_flight < pace.now:
                self.executor.submit(units.pop())
                in_flight += 1
            if not in_flight:
                self.control.sleep(_WAIT_SECONDS)
            for unit, result in self.executor.completed(_WAIT_SECONDS) if in_flight else ():
                in_flight -= 1
                if isinstance(result, UnitResult):
                    self._record(result)
                    pace.succeeded()
                else:
                    pace.failed()
                    later += self._failed(unit, result)

    def pending(self) -> list[Unit]:
        """Return the units to do: those not done, and those whose keys are not on disk any more.

        In random order, so that parallel work spreads over the source's nodes.
        """
        states = self.journal.units()
        if self.spool:
            lost = [s.unit.number for s in states if s.state == "done" and not self.spool.has(s.unit.number)]
            if lost:
                self.tell(f"{len(lost)} units are done again: their files are not in {self.spool.path}")
                self.journal.reopen_units(lost)
                states = self.journal.units()
        units = [state.unit for state in states if state.state == "pending"]
        random.Random(str(self.journal.run_id)).shuffle(units)  # noqa: S311 spreads load, guards nothing
        return units

    def _record(self, result: UnitResult) -> None:
        if self.spool:
            self.spool.write(result.unit.number, result.seen_hashes)
        candidates = new_candidates(self.plan, result.candidates)
        self.journal.commit_unit(result, candidates)
        rows, differences = result.counts.source_rows, len(candidates)
        number, seconds = result.unit.number, result.counts.seconds
        tracing.ended("unit", seconds, table=self.plan.ref.source, unit=number, rows=rows, differences=differences)
        self._candidates += len(candidates)
        if self._candidates > self.max_candidates:
            raise TooManyCandidatesError(
                f"{self._candidates} rows differ so far, more than --max-candidates {self.max_candidates}: "
                "the scan stops here"
            )

    def _failed(self, unit: Unit, error: BaseException) -> list[tuple[float, Unit]]:
        """When to try again; nothing when that is over."""
        attempt = self._attempts[unit.number] = self._attempts.get(unit.number, 0) + 1
        if attempt < MOST_ATTEMPTS and not isinstance(error, ConfigError):
            pause = self.retry_seconds * 2 ** (attempt - 1)
            self.tell(f"unit {unit.number} is tried again in {pause:g} s: {error}")
            return [(time.monotonic() + pause, unit)]
        self.tell(f"unit {unit.number} failed: {error}")
        self.journal.fail_unit(unit, str(error))
        return []


def new_candidates(plan: TablePlan, differences: Sequence[Difference]) -> list[NewCandidate]:
    """Return differences as the bookkeeping tables hold them."""
    return [
        NewCandidate(key_fingerprint(plan, each.key), dict(key_to_json(plan, each.key)), each) for each in differences
    ]


def _split(later: list[tuple[float, Unit]]) -> tuple[list[tuple[float, Unit]], list[Unit]]:
    """Units that still wait, and units whose time has come."""
    now = time.monotonic()
    return [each for each in later if each[0] > now], [unit for due, unit in later if due <= now]
