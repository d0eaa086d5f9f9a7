"""How the units of a run are done, with an executor that does what it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from reconcile.control import Control
from reconcile.errors import ConfigError, InterruptedRunError
from reconcile.executor import Done
from reconcile.journal import Journal, NewCandidate, UnitState
from reconcile.model import Difference, Kind, Unit, UnitCounts, UnitKind, UnitResult
from reconcile.request import Limits
from reconcile.scan import Pace, Scan, TooManyCandidatesError
from reconcile.spool import Spool
from reconcile.work import UnitError
from tests.unit.reconcile.plans import column, plan

TABLE = plan(column("id", "int"), values=(column("name", "text"),))


class FakeJournal:
    """Units and what became of them."""

    run_id = UUID(int=1)

    def __init__(self, units: int = 5, done: Sequence[int] = ()) -> None:
        self.states = {number: "done" if number in done else "pending" for number in range(units)}
        self.candidates: dict[int, list[NewCandidate]] = {}
        self.errors: dict[int, str] = {}

    def units(self) -> list[UnitState]:
        return [
            UnitState(Unit(number, UnitKind.TOKENS, number, number + 1), state, 0)
            for number, state in self.states.items()
        ]

    def totals(self) -> Any:
        return SimpleNamespace(candidates=sum(map(len, self.candidates.values())))

    def commit_unit(self, result: UnitResult, candidates: Sequence[NewCandidate]) -> None:
        self.states[result.unit.number] = "done"
        self.candidates[result.unit.number] = list(candidates)

    def fail_unit(self, unit: Unit, error: str) -> None:
        self.states[unit.number] = "failed"
        self.errors[unit.number] = error

    def reopen_units(self, numbers: Sequence[int]) -> None:
        self.states |= dict.fromkeys(numbers, "pending")


@dataclass
class FakeExecutor:
    """Ends the oldest unit at each call, as `ends` says."""

    ends: Callable[[Unit, int], UnitResult | BaseException]
    parallelism: int = 2
    waiting: list[Unit] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    most_waiting: int = 0

    def submit(self, unit: Unit) -> None:
        self.waiting.append(unit)
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def completed(self, timeout_seconds: float) -> list[Done]:
        assert timeout_seconds > 0
        unit = self.waiting.pop(0)
        attempt = self.attempts[unit.number] = self.attempts.get(unit.number, 0) + 1
        return [(unit, self.ends(unit, attempt))]

    def close(self) -> None:
        pass


def works(unit: Unit, _attempt: int) -> UnitResult:
    return UnitResult(unit, UnitCounts(10, 10, 10), (), unit.number.to_bytes(8))


def scan(journal: FakeJournal, executor: FakeExecutor, **changes: Any) -> Scan:
    arguments: dict[str, Any] = {
        "control": Control(threading.Event(), Limits()),
        "spool": None,
        "max_candidates": 100,
        "between": lambda: None,
        "tell": lambda _text: None,
        "retry_seconds": 0.0,
    }
    return Scan(cast(Journal, journal), TABLE, executor, **(arguments | changes))


def test_every_unit_is_done_once_and_a_few_at_a_time() -> None:
    journal, executor = FakeJournal(20), FakeExecutor(works)

    scan(journal, executor).run()

    assert set(journal.states.values()) == {"done"}
    assert executor.attempts == dict.fromkeys(range(20), 1)
    assert executor.most_waiting == 4


def test_units_that_are_done_are_not_done_again() -> None:
    journal, executor = FakeJournal(5, done=[0, 3]), FakeExecutor(works)

    scan(journal, executor).run()

    assert sorted(executor.attempts) == [1, 2, 4]


def test_units_come_in_another_order_than_their_tokens_and_in_the_same_one_each_time() -> None:
    orders = [[unit.number for unit in scan(FakeJournal(50), FakeExecutor(works)).pending()] for _ in range(2)]

    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])


def test_a_unit_that_fails_is_tried_again() -> None:
    told: list[str] = []
    journal = FakeJournal(5)

    def fails_twice(unit: Unit, attempt: int) -> UnitResult | BaseException:
        return UnitError("timeout") if unit.number == 2 and attempt < 3 else works(unit, attempt)

    executor = FakeExecutor(fails_twice)

    scan(journal, executor, tell=told.append).run()

    assert executor.attempts[2] == 3
    assert set(journal.states.values()) == {"done"}
    assert [text for text in told if "unit 2 is tried again" in text and "timeout" in text] == told
    assert len(told) == 2


def test_a_unit_that_fails_each_time_is_recorded_and_the_others_go_on() -> None:
    journal = FakeJournal(5)
    executor = FakeExecutor(lambda unit, attempt: UnitError("timeout") if unit.number == 2 else works(unit, attempt))

    scan(journal, executor).run()

    assert journal.states == {0: "done", 1: "done", 2: "failed", 3: "done", 4: "done"}
    assert journal.errors == {2: "timeout"}
    assert executor.attempts[2] == 3


def test_what_cannot_get_better_is_not_tried_again() -> None:
    journal = FakeJournal(1)
    executor = FakeExecutor(lambda _unit, _attempt: ConfigError("no such column"))

    scan(journal, executor).run()

    assert (journal.states[0], executor.attempts[0]) == ("failed", 1)


def test_too_many_candidates_end_the_scan_with_what_was_seen_on_record() -> None:
    def differs(unit: Unit, _attempt: int) -> UnitResult:
        found = tuple(Difference((unit.number * 100 + each,), Kind.MISSING) for each in range(3))
        return UnitResult(unit, UnitCounts(3), found)

    journal = FakeJournal(10)

    with pytest.raises(TooManyCandidatesError, match="--max-candidates 5"):
        scan(journal, FakeExecutor(differs), max_candidates=5).run()

    assert sum(map(len, journal.candidates.values())) == 6


def test_candidates_of_an_earlier_attempt_count() -> None:
    journal = FakeJournal(2, done=[0])
    journal.candidates[0] = [cast(NewCandidate, None)] * 5
    found = (Difference((1,), Kind.MISSING),)

    with pytest.raises(TooManyCandidatesError):
        scan(journal, FakeExecutor(lambda unit, _: UnitResult(unit, UnitCounts(), found)), max_candidates=5).run()


def test_a_signal_stops_between_units() -> None:
    stop = threading.Event()
    journal = FakeJournal(10)

    def stops(unit: Unit, attempt: int) -> UnitResult:
        if len(executor.attempts) == 3:
            stop.set()
        return works(unit, attempt)

    executor = FakeExecutor(stops)
    with pytest.raises(InterruptedRunError):
        scan(journal, executor, control=Control(stop, Limits())).run()

    assert list(journal.states.values()).count("done") == 3


def test_keys_are_on_disk_before_a_unit_counts_as_done(tmp_path: Path) -> None:
    spool, journal = Spool(tmp_path, "run"), FakeJournal(3)
    commit = journal.commit_unit

    def checked(result: UnitResult, candidates: Sequence[NewCandidate]) -> None:
        assert (tmp_path / "run" / f"{result.unit.number}.u64").read_bytes() == result.seen_hashes
        commit(result, candidates)

    journal.commit_unit = checked  # type: ignore[method-assign]
    scan(journal, FakeExecutor(works), spool=spool).run()

    assert all(spool.has(number) for number in range(3))


def test_units_whose_keys_are_gone_from_the_disk_are_done_again(tmp_path: Path) -> None:
    spool, told = Spool(tmp_path, "run"), list[str]()
    spool.write(0, b"")
    journal, executor = FakeJournal(3, done=[0, 1, 2]), FakeExecutor(works)

    scan(journal, executor, spool=spool, tell=told.append).run()

    assert sorted(executor.attempts) == [1, 2]
    assert told == [f"2 units are done again: their files are not in {tmp_path / 'run'}"]


def test_the_pace_halves_with_each_error_and_grows_by_one() -> None:
    pace = Pace(8)

    for _ in range(4):
        pace.failed()
    assert pace.now == 1
    for _ in range(20):
        pace.succeeded()
    assert pace.now == 8
