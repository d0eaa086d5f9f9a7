"""A replay goes by keys: the sink is revived first, records of the same key are done together, the rest stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.dlq.letters import Letter, State
from ops.dlq.replay import Replay, Report
from ops.outputs import Table, parse_outputs
from reconcile.replay import Replayed, Result
from tests.unit.ops.dlq_letters import FakeQueue, dead, decoder
from tests.unit.ops.ops_fakes import RAW_OUTPUTS

REFUSED = Result(Replayed.REFUSED, "SQLSTATE 23514 (CheckViolation)")


@dataclass
class World:
    """Queue, databases and sink in memory; `log` is what was asked of the latter two, in order."""

    queue: FakeQueue
    ends: Mapping[str, Result] = field(default_factory=dict)
    """By key; written when not named."""
    arrives_at_revival: Sequence[Letter] = ()
    log: list[Any] = field(default_factory=list)

    def run(self, *chosen: Letter) -> Report:
        outputs = parse_outputs(RAW_OUTPUTS, "dev")
        queue: Any = self.queue
        return Replay(outputs, queue, decoder(), self._replay_keys, self._revive, lambda _: None).run(chosen)

    def _revive(self) -> None:
        self.log.append("revive")
        self.queue.now += self.arrives_at_revival

    def _replay_keys(self, table: Table, keys: Sequence[Mapping[str, Any]], deletes: Sequence[bool]) -> list[Result]:
        self.log.append((table.source, [key["id"] for key in keys], list(deletes)))
        return [self.ends.get(key["id"], Result(Replayed.WRITTEN)) for key in keys]


def world(*letters: Letter, **changes: Any) -> World:
    return World(FakeQueue(list(letters)), **changes)


def test_a_key_is_replayed_and_its_record_is_done() -> None:
    here = world(dead(0))
    report = here.run(*here.queue.now)
    assert here.log == ["revive", ("shop.users", ["a"], [False])]
    assert here.queue.noted == [("0:0", State.REPLAYED)]
    assert report.outcomes == {"written": 1}
    assert report.open == []


def test_all_records_of_a_key_are_done_by_one_write() -> None:
    follower = dead(1, error_class="cdc.connect.DeadKeyException", message="Follows x")
    here = world(dead(0), follower, dead(2, key="b"))
    here.run(here.queue.now[0])
    assert here.log[1] == ("shop.users", ["a"], [False])
    assert [noted[0] for noted in here.queue.noted] == ["0:0", "0:1"]


def test_what_followed_until_the_sink_was_revived_is_done_too() -> None:
    here = world(dead(0), arrives_at_revival=[dead(5)])
    here.run(here.queue.now[0])
    assert [noted[0] for noted in here.queue.noted] == ["0:0", "0:5"]


def test_a_delete_in_the_queue_allows_the_row_to_be_deleted() -> None:
    here = world(dead(0), dead(1, op="d"), dead(2, key="b"))
    here.run(*here.queue.now)
    assert here.log[1] == ("shop.users", ["a", "b"], [True, False])


def test_a_record_that_could_not_be_converted_needs_no_revival() -> None:
    here = world(dead(0, stage="VALUE_CONVERTER"))
    here.run(*here.queue.now)
    assert "revive" not in here.log
    assert here.queue.noted == [("0:0", State.REPLAYED)]


def test_a_row_that_is_still_refused_stays_in_the_queue_with_the_reason() -> None:
    here = world(dead(0), dead(1, key="b"), ends={"a": REFUSED})
    report = here.run(*here.queue.now)
    assert [(letter.id, reason) for letter, reason in report.open] == [("0:0", REFUSED.detail)]
    assert here.queue.noted == [("0:1", State.REPLAYED)]
    assert report.outcomes == {"refused": 1, "written": 1}


def test_a_record_whose_key_cannot_be_read_stays_and_says_how_to_find_its_row() -> None:
    here = world(dead(0, raw_key=b"\x01garbage"))
    report = here.run(*here.queue.now)
    assert "its key is unreadable" in report.open[0][1]
    assert "reconcile run --table shop.users" in report.open[0][1]
    assert here.queue.noted == []


def test_a_record_of_a_table_that_is_not_replicated_any_more_stays() -> None:
    here = world(dead(0, topic="cdc.shop.gone"))
    report = here.run(*here.queue.now)
    assert report.open[0][1] == "topic cdc.shop.gone belongs to no replicated table"
