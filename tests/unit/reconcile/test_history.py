"""What the CDC log says about rows, newest first: pages in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from reconcile.errors import InterruptedRunError
from reconcile.history import History
from reconcile.log_changes import Operation
from tests.unit.reconcile.fake_source import FakeSession, stream, table_plan, time_id

PLAN = table_plan()
STREAM = stream(0)
DAY_MS = 86_400_000
LATER = float("inf")

Page = list[tuple[Any, ...]]


@dataclass
class FakeLog:
    """A source whose log has one stream; its pages come as they are, whatever is asked for."""

    pages: list[Page]
    session: FakeSession = field(default_factory=lambda: FakeSession(vnodes={0: [(2**63 - 1, {STREAM})]}))
    options: str = ""
    reads: int = 0

    def prepare(self, _cql: str) -> Any:
        return SimpleNamespace(bind=lambda parameters: parameters)

    def execute_raw(self, _bound: Any, paging_state: bytes | None, _fetch_rows: int) -> Any:
        self.reads += 1
        number = int(paging_state or b"0")
        following = str(number + 1).encode() if number + 1 < len(self.pages) else None
        page = SimpleNamespace(current_rows=self.pages[number], paging_state=following)
        return SimpleNamespace(result=lambda: page)


def key(number: int) -> tuple[int, int, int]:
    return 1, 1_000_000, number


def log_row(ms: int, operation: Operation, number: int | None) -> tuple[Any, ...]:
    """One row of the log, raw; without a number, of the whole partition."""
    clustering: Sequence[Any] = (None, None) if number is None else (1_000, number.to_bytes(4))
    return time_id(ms).bytes, bytes([operation]), None, (1).to_bytes(4), *clustering


def history(log: FakeLog, step: Callable[[], None] = lambda: None) -> History:
    return History(log, PLAN, 0, DAY_MS, step)  # type: ignore[arg-type]


def test_the_newest_changes_of_a_row_come_first_and_no_more_than_are_wanted() -> None:
    log = FakeLog(
        [
            [log_row(300, Operation.UPDATE, 1), log_row(250, Operation.UPDATE, 2)],
            [log_row(200, Operation.UPDATE, 1), log_row(100, Operation.INSERT, 1)],
        ]
    )

    found = history(log).rows({key(1): 2, key(3): 1}, LATER)

    assert [each.change.time_id for each in found[key(1)].changes] == [time_id(300).bytes, time_id(200).bytes]
    assert not found[key(1)].complete, "there may be older ones"
    assert (found[key(3)].changes, found[key(3)].complete) == ([], True)


def test_the_delete_of_a_partition_ends_the_history_of_its_rows() -> None:
    log = FakeLog([[log_row(200, Operation.PARTITION_DELETE, None), log_row(100, Operation.INSERT, 1)]])

    (change,) = history(log).rows({key(1): 8}, LATER)[key(1)].changes

    assert change.change.deletes_span


def test_what_is_not_read_in_time_is_not_complete() -> None:
    log = FakeLog([[log_row(200, Operation.UPDATE, 1)]])

    found = history(log).rows({key(1): 8}, time.monotonic() - 1)

    assert (found[key(1)].changes, found[key(1)].complete) == ([], False)


def test_reading_can_be_stopped_between_pages() -> None:
    log = FakeLog([[log_row(1000 - number, Operation.UPDATE, 2)] for number in range(100)])

    def step() -> None:
        if log.reads == 3:
            raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        history(log, step).rows({key(1): 1}, LATER)

    assert log.reads < 6
