"""When a difference counts: both sides in memory, a pipeline that passes when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.candidates import Look
from reconcile.confirm import Confirmation, Options, Tools, recheck, wait_for
from reconcile.control import Control, LimitReachedError
from reconcile.errors import InterruptedRunError
from reconcile.fingerprints import key_fingerprint
from reconcile.keys import key_to_json
from reconcile.look import BATCH_ROWS, Seen, look
from reconcile.model import Cause, Difference, Key, Kind, State
from reconcile.records import Candidate, LogRecord, NewFinding
from reconcile.request import Limits
from reconcile.schema import TablePlan
from reconcile.target import TargetRow
from reconcile.watermark import NotKnownError
from tests.unit.reconcile.plans import column, plan

TABLE = plan(column("id", "int"), values=(column("name", "text"),))
FAST = Options(settle_seconds=0, max_wait_seconds=5)
STARTED = datetime.now(UTC)


@dataclass
class Sides:
    """Rows of both sides: name, and for PostgreSQL its version."""

    source: dict[int, str] = field(default_factory=dict)
    target: dict[int, tuple[str, str]] = field(default_factory=dict)
    before_look: Callable[[int], None] = lambda _number: None
    looks: int = 0

    def look(self, keys: Sequence[Key]) -> Mapping[Key, Seen]:
        self.looks += 1
        self.before_look(self.looks)
        return look(_Source(self.source), _Target(self.target), TABLE, keys)


@dataclass
class _Source:
    rows: dict[int, str]

    def read(self, _plan: TablePlan, keys: Sequence[Key]) -> Mapping[Key, tuple[Any, ...] | None]:
        return {key: (self.rows[key[0]].encode(),) if key[0] in self.rows else None for key in keys}


@dataclass
class _Target:
    rows: dict[int, tuple[str, str]]

    def read(self, _plan: TablePlan, keys: Sequence[Key], *, with_xmin: bool = False) -> Mapping[Key, TargetRow]:
        assert with_xmin
        found = {key: self.rows[key[0]] for key in keys if key[0] in self.rows}
        return {key: TargetRow((name.encode(),), version) for key, (name, version) in found.items()}


class Book:
    """The candidates of a run, as `CandidateBook` keeps them."""

    def __init__(self, *keys: int, kind: Kind = Kind.MISMATCH) -> None:
        self.waiting = {(candidate := new_candidate(key, kind)).fingerprint: candidate for key in keys}
        self.findings: list[NewFinding] = []
        self.transient = 0

    def last_looked(self) -> tuple[datetime | None, bool]:
        times = [each.last_looked for each in self.waiting.values()]
        return max((time for time in times if time), default=None), None in times

    def pending(self, limit: int, after: bytes = b"") -> list[Candidate]:
        return [self.waiting[each] for each in sorted(self.waiting) if each > after][:limit]

    def commit(self, looks: Sequence[Look], findings: Sequence[NewFinding]) -> None:
        self.findings += findings
        decided = {finding.fingerprint for finding in findings}
        for each in looks:
            candidate = each.candidate
            if each.difference is None or candidate.fingerprint in decided:
                del self.waiting[candidate.fingerprint]
                self.transient += each.difference is None
                continue
            self.waiting[candidate.fingerprint] = replace(
                candidate,
                difference_kind=each.difference.kind,
                columns=each.difference.columns,
                source_fingerprint=each.difference.source_fingerprint,
                target_fingerprint=each.difference.target_fingerprint,
                target_xmin=each.target_xmin,
                last_looked=each.looked_at,
                stable_looks=candidate.stable_looks + 1 if each.stable else 1,
                looks=candidate.looks + 1,
                changes=candidate.changes + (not each.stable and candidate.last_looked is not None),
            )


def new_candidate(key: int | None, kind: Kind) -> Candidate:
    return Candidate(
        key_fingerprint(TABLE, (key,)),
        dict(key_to_json(TABLE, (key,))),
        kind,
        (),
        b"",
        b"",
        None,
        STARTED,
        None,
        0,
        0,
        0,
    )


@dataclass
class FakeWatermark:
    """Passes a moment when `passes` says so; remembers which moments were asked for."""

    passes: Callable[[], bool] = lambda: True
    lag: float | None = None
    asked: list[datetime] = field(default_factory=list)
    waits_by: str = "offsets"

    def barrier(self, moment: datetime) -> FakeWatermark:
        self.asked.append(moment)
        return self

    def passed(self) -> bool:
        return self.passes()

    def lag_seconds(self) -> float | None:
        return self.lag

    def close(self) -> None:
        pass


class Patient(Control):
    """Does not really sleep."""

    def __init__(self, on_sleep: Callable[[], None] = lambda: None) -> None:
        super().__init__(threading.Event(), Limits())
        self._on_sleep = on_sleep

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self._on_sleep()
        self.check()


def tools(sides: Sides, watermark: FakeWatermark | None = None, **changes: Any) -> Tools:
    made = Tools(
        look=sides.look,
        tag=lambda found: [Cause.UNKNOWN] * len(found),
        describe=lambda rows: [()] * len(rows),
        newest_writes=lambda _keys: {},
        watermark=watermark or FakeWatermark(),
        control=Patient(),
        found=lambda _finding: None,
        tell=lambda _text: None,
        progress=lambda _phase: None,
    )
    return replace(made, **changes)


def confirm(book: Book, made: Tools, options: Options = FAST) -> None:
    Confirmation(book, TABLE, made, options).run()  # type: ignore[arg-type]


def test_a_difference_that_stands_while_the_pipeline_passes_is_confirmed_at_the_second_look() -> None:
    sides, book, watermark = Sides({1: "new"}, {1: ("old", "700")}), Book(1), FakeWatermark()
    told: list[Any] = []

    confirm(book, tools(sides, watermark, found=told.append))

    (finding,) = book.findings
    assert told == [finding]
    assert (finding.state, finding.difference.columns, finding.checks) == (State.OPEN, ("name",), 2)
    assert finding.target_xmin == "700"
    assert sides.looks == 2
    assert len(watermark.asked) == 1, "one wait, between both looks"


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [({1: "a"}, {}, Kind.MISSING), ({}, {1: ("a", "7")}, Kind.EXTRA), ({1: "a"}, {1: ("b", "7")}, Kind.MISMATCH)],
)
def test_each_kind_is_confirmed_as_it_is(
    source: dict[int, str], target: dict[int, tuple[str, str]], kind: Kind
) -> None:
    book = Book(1)

    confirm(book, tools(Sides(source, target)))

    assert [finding.difference.kind for finding in book.findings] == [kind]


def test_a_row_that_was_only_on_its_way_is_no_difference() -> None:
    sides, book = Sides({1: "new"}, {1: ("old", "700")}), Book(1)

    def arrives(number: int) -> None:
        if number == 2:
            sides.target[1] = ("new", "701")

    sides.before_look = arrives
    confirm(book, tools(sides))

    assert (book.findings, book.transient) == ([], 1)


def test_a_row_that_changes_is_looked_at_until_it_stands_still() -> None:
    sides, book = Sides({1: "new"}, {1: ("old", "700")}), Book(1)

    def changes(number: int) -> None:
        if number < 5:
            sides.target[1] = (f"old {number}", "700")

    sides.before_look = changes
    confirm(book, tools(sides))

    (finding,) = book.findings
    assert (finding.state, finding.checks, finding.changes) == (State.OPEN, 5, 3)


def test_a_row_written_again_with_the_same_values_has_not_stood_still() -> None:
    sides, book = Sides({1: "new"}, {1: ("old", "700")}), Book(1)
    sides.before_look = lambda number: sides.target.update({1: ("old", str(700 + min(number, 4)))})

    confirm(book, tools(sides))

    assert book.findings[0].checks == 5


def test_a_missing_row_that_was_deleted_and_written_again_has_not_stood_still() -> None:
    sides, book = Sides({1: "new"}), Book(1)
    written = [datetime.now(UTC) + timedelta(seconds=30)]
    sides.before_look = lambda number: written.__setitem__(0, STARTED) if number == 4 else None

    confirm(book, tools(sides, newest_writes=lambda keys: dict.fromkeys(keys, written[0])))

    (finding,) = book.findings
    assert (finding.state, finding.checks) == (State.OPEN, 4)


def test_write_times_are_read_only_of_rows_that_look_the_same_again() -> None:
    asked: list[list[Key]] = []

    def newest_writes(keys: Sequence[Key]) -> Mapping[Key, datetime]:
        asked.append(list(keys))
        return {}

    confirm(Book(1), tools(Sides({1: "new"}), newest_writes=newest_writes))

    assert asked == [[], [(1,)]], "none at the first look, when most rows are only on their way"


def test_a_write_time_of_next_year_proves_nothing() -> None:
    book = Book(1)

    next_year = datetime.now(UTC) + timedelta(days=365)

    confirm(book, tools(Sides({1: "new"}), newest_writes=lambda keys: dict.fromkeys(keys, next_year)))

    assert book.findings[0].checks == 2


def test_a_row_that_never_stands_still_is_unstable() -> None:
    sides, book = Sides({1: "new"}, {1: ("old", "700")}), Book(1)
    sides.before_look = lambda number: sides.target.update({1: (f"old {number}", str(number))})

    confirm(book, tools(sides))

    (finding,) = book.findings
    assert (finding.state, finding.changes) == (State.UNSTABLE, 10)


def test_rows_that_stand_still_do_not_wait_for_those_that_do_not() -> None:
    sides, book = Sides({1: "a", 2: "b"}, {1: ("x", "1"), 2: ("y", "2")}), Book(1, 2)
    sides.before_look = lambda number: sides.target.update({2: (f"y {number}", str(number))})

    confirm(book, tools(sides))

    assert [(finding.state, finding.checks) for finding in book.findings] == [(State.OPEN, 2), (State.UNSTABLE, 11)]


def test_the_causes_of_many_rows_are_looked_for_at_once() -> None:
    keys = range(2 * BATCH_ROWS)
    sides, book = Sides(dict.fromkeys(keys, "new")), Book(*keys)
    tagged: list[int] = []

    def tag(found: Sequence[Difference]) -> Sequence[Cause]:
        tagged.append(len(found))
        return [Cause.UNKNOWN] * len(found)

    told: list[str] = []
    confirm(book, tools(sides, tag=tag, tell=told.append))

    assert tagged == [2 * BATCH_ROWS]
    assert told == ["looking for the causes of 1,000 differences"]
    assert sides.looks == 4, "rows are read in batches all the same"


def test_without_a_view_of_the_pipeline_more_looks_are_asked_for() -> None:
    book = Book(1)

    confirm(book, tools(Sides({1: "new"})), replace(FAST, stable_looks=3))

    assert book.findings[0].checks == 3


def test_looks_are_at_least_settle_apart() -> None:
    naps: list[float] = []
    control = Patient()

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        threading.Event().wait(seconds)

    control.sleep = sleep  # type: ignore[method-assign]
    book = Book(1)

    confirm(book, tools(Sides({1: "new"}), control=control), replace(FAST, settle_seconds=0.2))

    assert sum(naps) == pytest.approx(0.2, abs=0.1)
    assert book.findings[0].checks == 2


def test_a_key_with_a_null_needs_no_second_look() -> None:
    book = Book(kind=Kind.INVALID_KEY)
    candidate = new_candidate(None, Kind.INVALID_KEY)
    book.waiting[candidate.fingerprint] = candidate
    sides = Sides()

    confirm(book, tools(sides))

    (finding,) = book.findings
    assert (finding.difference.kind, finding.state) == (Kind.INVALID_KEY, State.OPEN)


def test_an_interrupted_confirmation_goes_on_where_it_stopped() -> None:
    sides, book = Sides({1: "new"}, {1: ("old", "700")}), Book(1)

    def stop() -> bool:
        raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        confirm(book, tools(sides, FakeWatermark(stop)))
    assert (sides.looks, book.findings) == (1, [])

    confirm(book, tools(sides))

    assert book.findings[0].checks == 2


def not_known() -> bool:
    raise NotKnownError("Kafka Connect does not answer")


@pytest.mark.parametrize(
    ("passes", "words"),
    [(lambda: False, "it has not come that far; it is 77 s behind"), (not_known, "does not answer")],
)
def test_a_pipeline_that_does_not_catch_up_confirms_nothing(passes: Callable[[], bool], words: str) -> None:
    book = Book(1)

    with pytest.raises(LimitReachedError, match=words) as error:
        confirm(book, tools(Sides({1: "new"}), FakeWatermark(passes, lag=77)), replace(FAST, max_wait_seconds=0))

    assert "--resume" in str(error.value)
    assert book.findings == []


def test_the_wait_goes_on_while_the_state_of_the_pipeline_is_not_known() -> None:
    answers: Iterator[Callable[[], bool]] = iter([not_known, lambda: False, lambda: True])

    def passes() -> bool:
        return next(answers)()

    watermark = FakeWatermark(passes)

    wait_for(watermark, STARTED, 60, tools(Sides(), watermark))

    assert list(answers) == []


class Findings:
    """Findings that stand, in batches of one."""

    def __init__(self, *keys: int) -> None:
        self._records = [
            LogRecord(
                log_id=key,
                run_id=None,  # type: ignore[arg-type]
                table_name="ks.t",
                kind=Kind.MISSING,
                cause=Cause.UNKNOWN,
                state=State.OPEN,
                pk=dict(key_to_json(TABLE, (key,))),
                pk_fingerprint=key_fingerprint(TABLE, (key,)),
                differing_columns=(),
                diff=[],
                source_fingerprint=b"",
                target_fingerprint=b"",
                target_xmin=None,
                first_seen=STARTED,
                confirmed_at=STARTED,
                checks=2,
                changes=0,
                updated_at=STARTED,
            )
            for key in keys
        ]
        self.resolved: list[bytes] = []

    def unsettled(self, _limit: int, after: int, _run_id: object) -> list[LogRecord]:
        return [record for record in self._records if record.log_id > after][:1]

    def resolve(self, fingerprints: Sequence[bytes]) -> None:
        self.resolved += fingerprints


def test_a_second_look_closes_what_is_equal_by_now() -> None:
    sides = Sides({1: "a", 2: "b"}, {1: ("a", "7")})
    book = Findings(1, 2, 3)

    counts = recheck(book, TABLE, sides.look, Patient())  # type: ignore[arg-type]

    assert counts == (3, 2)
    assert book.resolved == [key_fingerprint(TABLE, (1,)), key_fingerprint(TABLE, (3,))]
