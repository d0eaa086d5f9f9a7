"""The commands that go back to a run: recheck, repair, undo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconcile.cli import app
from reconcile.commands import RecheckResult, RepairResult
from reconcile.errors import AlreadyRunningError
from reconcile.model import RepairPolicy
from reconcile.request import RunRequest
from reconcile.undo import UndoResult
from tests.unit.reconcile.fake_store import RUN, FakeStore
from tests.unit.reconcile.runs import SUMMARY, config_file

CLEAN = replace(SUMMARY, open={"missing": 0})


class Commands:
    """Takes the place of the package's commands: remembers what they are asked, answers as told."""

    def __init__(self) -> None:
        self.requests: list[RunRequest] = []
        self.answer: Any = None

    def __call__(self, run_id: str, request: RunRequest, *_: Any) -> Any:
        assert run_id == str(RUN.run_id)
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    fake = Commands()
    for name in ("recheck_run", "repair_run", "undo_run"):
        monkeypatch.setattr(f"reconcile.commands.{name}", fake)
    run = replace(RUN, ignored_columns=("seen", "email"))
    monkeypatch.setattr("reconcile.serve.bookkeeping", lambda _settings: lambda: FakeStore([run]))
    monkeypatch.setenv("RECONCILE_CONFIG", str(config_file(tmp_path, run={"repair": "none"})))
    return fake


def invoke(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [command, "--run", str(RUN.run_id), *arguments])


@pytest.mark.parametrize(("summary", "code"), [(CLEAN, 0), (SUMMARY, 1)])
def test_recheck_ends_with_1_while_findings_stand(commands: Commands, summary: Any, code: int) -> None:
    commands.answer = RecheckResult(5, 2, summary)

    result = invoke("recheck")

    assert result.exit_code == code
    assert "looked 5, resolved 2" in result.stdout


def test_the_run_is_compared_as_it_was_without_the_columns_that_it_ignored(commands: Commands) -> None:
    commands.answer = RecheckResult(0, 0, CLEAN)

    invoke("recheck")

    assert commands.requests[0].table.source == "shop.users"
    assert commands.requests[0].table.ignore_columns == ("seen", "email")


def test_repair_takes_all_kinds_unless_told_otherwise(commands: Commands) -> None:
    commands.answer = RepairResult(CLEAN, None)

    assert invoke("repair").exit_code == 0
    assert invoke("repair", "--kind", "missing", "--dry-run", "--max-repairs", "5", "--max-lag", "1m").exit_code == 0

    first, second = commands.requests
    assert (first.repair, first.dry_run) == (RepairPolicy.ALL, False)
    assert (second.repair, second.dry_run) == (RepairPolicy.MISSING, True)
    assert (second.limits.max_repairs, second.limits.max_lag_seconds) == (5, 60)


def test_a_breaker_that_tripped_ends_with_3_and_says_why(commands: Commands) -> None:
    commands.answer = RepairResult(SUMMARY, "2000 rows need a repair")

    result = invoke("repair")
    document = json.loads(invoke("repair", "--format", "json").stdout)

    assert result.exit_code == 3
    assert "breaker 2000 rows need a repair" in result.stdout
    assert document["breaker"] == "2000 rows need a repair"
    assert document["exit_code"] == 3


def test_undo_says_what_it_took_back_and_what_it_left(commands: Commands) -> None:
    commands.answer = UndoResult(3, 1)

    text, rehearsal = invoke("undo"), invoke("undo", "--dry-run")
    document = json.loads(invoke("undo", "--format", "json").stdout)

    assert text.exit_code == 0
    assert text.stdout == "3 repairs taken back, 1 left: their rows have changed\n"
    assert "would be taken back" in rehearsal.stdout
    assert [request.dry_run for request in commands.requests] == [False, True, False]
    assert (document["undone"], document["skipped_changed"], document["schema_version"]) == (3, 1, 1)


@pytest.mark.parametrize("command", ["recheck", "repair", "undo"])
def test_a_table_that_is_being_worked_on_ends_with_5(commands: Commands, command: str) -> None:
    commands.answer = AlreadyRunningError("run 77 holds shop.users")

    result = invoke(command)

    assert result.exit_code == 5
    assert "run 77 holds shop.users" in result.stderr


@pytest.mark.parametrize("command", ["recheck", "repair", "undo"])
def test_without_a_run_nothing_happens(commands: Commands, command: str) -> None:
    assert CliRunner().invoke(app, [command]).exit_code == 2
    assert commands.requests == []
