"""Several tables one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.batch import run_tables
from reconcile.errors import ConfigError, ExitCode, LogTooShortError, worst
from reconcile.model import Mode, PipelineSettings, SourceSettings, TableRef, TargetSettings
from reconcile.progress import Lines, RunEvents
from reconcile.request import Connections, RunRequest
from tests.unit.reconcile.fake_store import NOW
from tests.unit.reconcile.runs import SUMMARY

CONNECTIONS = Connections(SourceSettings(("a:1",)), TargetSettings("b"), PipelineSettings())
REQUEST = RunRequest(TableRef("shop.users", "public.users"), Mode.INCREMENTAL, since=NOW)


def short_log(request: RunRequest, *_: Any) -> Any:
    if request.mode is Mode.INCREMENTAL:
        raise LogTooShortError("shop.users: the log reaches back 24 h")
    assert request.since is None
    return SUMMARY


def test_a_log_that_is_too_short_is_refused() -> None:
    (outcome,) = run_tables([REQUEST], CONNECTIONS, RunEvents(Lines(None)), short_log)

    assert outcome.exit_code is ExitCode.CONFIG
    assert "reaches back 24 h" in outcome.error


def test_a_log_that_is_too_short_falls_back_to_everything_when_asked_to() -> None:
    said: list[str] = []
    events = RunEvents(Lines(None))
    events.message = said.append  # type: ignore[method-assign,assignment] # listens

    (outcome,) = run_tables([REQUEST], CONNECTIONS, events, short_log, fallback=Mode.FULL)

    assert outcome.summary is SUMMARY
    assert said == ["shop.users: the log reaches back 24 h; comparing everything instead"]


def test_other_errors_do_not_fall_back() -> None:
    def broken(*_: Any) -> Any:
        raise ConfigError("no such column")

    (outcome,) = run_tables([REQUEST], CONNECTIONS, RunEvents(Lines(None)), broken, fallback=Mode.FULL)

    assert outcome.exit_code is ExitCode.CONFIG


@pytest.mark.parametrize(
    ("codes", "wins"),
    [((), 0), ((0, 1), 1), ((1, 3), 3), ((3, 130), 130), ((130, 5), 5), ((5, 2), 2), ((2, 4, 0), 4)],
)
def test_the_worst_code_wins(codes: tuple[int, ...], wins: int) -> None:
    assert worst(ExitCode(code) for code in codes) == wins
