"""What a person or a log sees of a run."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from rich.console import Console

from reconcile.logs import LogFormat, LogLevel, configure_logging
from reconcile.progress import Bar, Lines, ProgressStyle, RunEvents, display, short_count
from tests.unit.reconcile.runs import FINDING, PROGRESS


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_lines_carry_run_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    events = RunEvents(Lines(30))

    events.progress(PROGRESS)
    events.message("unit 7 was split in two")
    logging.getLogger("cassandra").warning("node %s is down", "10.0.0.1")

    first, second, third = logged(capsys)
    assert (first["event"], first["percent"], first["units"]) == ("progress", 25.0, "100/400")
    assert (second["event"], second["run_id"], second["table"]) == ("unit 7 was split in two", "4f1c", "shop.users")
    assert (third["event"], third["level"], third["run_id"]) == ("node 10.0.0.1 is down", "warning", "4f1c")


def test_lines_come_at_intervals_and_at_each_new_phase(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    now = [0.0]
    lines = Lines(30, lambda: now[0])

    for second in (0, 1, 29, 30, 31):
        now[0] = second
        lines.progress(replace(PROGRESS, units_done=second))
    lines.progress(replace(PROGRESS, phase="repair"))

    assert [(line["units"], line["phase"]) for line in logged(capsys)] == [
        ("0/400", "scan"),
        ("30/400", "scan"),
        ("100/400", "repair"),
    ]


def test_no_progress_still_shows_messages(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    shown = display(ProgressStyle.NONE)

    shown.progress(PROGRESS)
    shown.message("breaker tripped")

    assert [line["event"] for line in logged(capsys)] == ["breaker tripped"]


def test_the_level_hides_what_is_less_important(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, LogLevel.ERROR)

    Lines(30).message("not shown")
    logging.getLogger("x").error("shown")

    assert [line["event"] for line in logged(capsys)] == ["shown"]


def test_a_traceback_is_logged_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    password = "tops3cret"
    try:
        int(password[:0])
    except ValueError:
        structlog.get_logger().exception("failed")

    (line,) = logged(capsys)
    assert "ValueError" in str(line["exception"])
    assert "tops3cret" not in str(line).replace('password = "tops3cret"', "")


def drawn(width: int) -> str:
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True)
    with Bar(console) as bar:
        bar.progress(PROGRESS)
        bar.message("[unit] 7 was split")
    return screen.getvalue()


def test_the_bar_shows_the_figures() -> None:
    text = drawn(160)

    for figure in ("shop.users scan", "25.0%", "rows 12.3M", "118k/s", "cand 31", "open 4", "units 100/400", "lag 3s"):
        assert figure in text
    assert "[unit] 7 was split" in text


def test_a_narrow_terminal_keeps_the_first_figures_on_one_line() -> None:
    text = drawn(60)

    assert "25.0%" in text
    assert "lag" not in text


def test_failed_units_are_shown_first() -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen, width=60, force_terminal=True)) as bar:
        bar.progress(replace(PROGRESS, units_failed=2))

    assert "FAILED 2" in screen.getvalue()


def test_the_bar_leaves_results_on_standard_output_to_their_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    results, screen = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", results)
    with Bar(Console(file=screen, width=80, force_terminal=True)):
        print("a result")

    assert results.getvalue() == "a result\n"
    assert "a result" not in screen.getvalue()


def test_findings_reach_everyone_who_asked() -> None:
    taken: list[object] = []

    RunEvents(Lines(None), [taken.append, taken.append]).finding(FINDING)

    assert taken == [FINDING, FINDING]


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (999, "999"), (12_345, "12.3k"), (4_560_000, "4.56M")])
def test_counts_are_shown_short(count: float, text: str) -> None:
    assert short_count(count) == text
