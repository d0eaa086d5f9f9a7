"""`cdc dlq`: what is printed, what is asked for, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.dlq import cli
from ops.dlq.letters import State
from ops.outputs import parse_outputs
from reconcile.replay import Replayed, Result
from tests.unit.ops.dlq_letters import FakeQueue, dead, decoder
from tests.unit.ops.ops_fakes import RAW_OUTPUTS

RUNNER = CliRunner()
QUEUE_OF_TWO = [dead(0, key="4711"), dead(1, key="4712", message="SQLSTATE 22001")]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    fake = FakeQueue(list(QUEUE_OF_TWO))
    opened: Any = cli._Opened(parse_outputs(RAW_OUTPUTS, "dev"), fake, decoder())  # type: ignore[arg-type]

    @contextmanager
    def open_(_stack: str) -> Iterator[Any]:
        yield opened

    monkeypatch.setattr(cli, "_open", open_)
    monkeypatch.setattr(cli, "revive_sink", lambda *_: None)
    monkeypatch.setattr(cli, "DatabaseReplay", lambda _: lambda _t, keys, _d: [Result(Replayed.WRITTEN) for _ in keys])
    return fake


def run(*arguments: str, expected: int = 0, answer: str | None = None) -> str:
    result = RUNNER.invoke(app, ["dlq", *arguments], input=answer, env={"COLUMNS": "200"})
    assert result.exit_code == expected, result.output
    return result.output


@pytest.mark.usefixtures("queue")
def test_the_list_counts_by_error_and_shows_keys() -> None:
    printed = run("list")
    assert "CheckViolation" in printed
    assert "id=4711" in printed
    assert "StringDataRightTruncation" in printed


@pytest.mark.usefixtures("queue")
def test_the_list_as_json_is_complete() -> None:
    found = json.loads(run("list", "--format", "json", "--error", "22001"))
    assert found["counts"] == {"open": 1, "replayed": 0, "dropped": 0}
    assert [(each["id"], each["key"]) for each in found["records"]] == [("0:1", {"id": "4712"})]


@pytest.mark.usefixtures("queue")
def test_a_short_list_says_what_it_leaves_out() -> None:
    printed = run("list", "--limit", "1")
    assert "1 older records are not shown" in printed
    assert "id=4711" not in printed


@pytest.mark.usefixtures("queue")
def test_show_holds_value_and_trace() -> None:
    found = json.loads(run("show", "0:0"))
    assert found["value"]["after"] == {"age": 7}
    assert found["trace"][0].startswith("cdc.connect.RefusedRecordException")


@pytest.mark.usefixtures("queue")
def test_an_unknown_id_is_an_error() -> None:
    assert "No such open record: 9:9" in run("show", "9:9", expected=1)


def test_replay_does_what_was_chosen(queue: FakeQueue) -> None:
    assert "keys: 1 written; records done: 1" in run("replay", "--key", "4712")
    assert queue.noted == [("0:1", State.REPLAYED)]


def test_a_replay_that_leaves_something_ends_with_1(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Result(Replayed.REFUSED, "SQLSTATE 23514")
    monkeypatch.setattr(cli, "DatabaseReplay", lambda _: lambda _t, keys, _d: [refused for _ in keys])
    assert "SQLSTATE 23514" in run("replay", "--all", expected=1)
    assert queue.noted == []


def test_nothing_is_replayed_or_dropped_without_saying_what(queue: FakeQueue) -> None:
    assert "Say which records" in run("replay", expected=1)
    assert "Say which records" in run("drop", expected=1)
    assert "Say which records" in run("drop", "--all", "--key", "4711", expected=1)
    assert queue.noted == []


def test_drop_asks_first(queue: FakeQueue) -> None:
    run("drop", "0:0", answer="n\n", expected=1)
    assert queue.noted == []
    run("drop", "0:0", answer="y\n")
    assert queue.noted == [("0:0", State.DROPPED)]


def test_drop_with_force_does_not_ask(queue: FakeQueue) -> None:
    assert "2 records dropped" in run("drop", "--all", "--force")
    assert len(queue.noted) == 2


@pytest.mark.usefixtures("queue")
def test_a_time_that_is_none_is_an_error() -> None:
    assert "is not a time" in run("list", "--since", "yesterday", expected=1)


def test_the_help_says_that_the_source_has_no_queue() -> None:
    assert "The source has none" in " ".join(run("--help").split())
