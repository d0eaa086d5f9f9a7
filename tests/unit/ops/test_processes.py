"""Programs are run, streamed and reported, and progress shows what they do."""

import os
import sys
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.processes import NOT_FOUND, TIMED_OUT, Processes
from ops.progress import Progress
from tests.support.waiting import wait_until
from tests.unit.ops.ops_fakes import quiet_progress


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


def test_output_errors_and_exit_code_are_captured(processes: Processes) -> None:
    done = processes.run([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "out\n", "err\n")
    assert done.message == "err"


def test_a_missing_program_and_a_slow_one_are_results_and_not_exceptions(processes: Processes) -> None:
    assert processes.run(["no-such-program"]).exit_code == NOT_FOUND
    assert processes.stream(["no-such-program"], print).exit_code == NOT_FOUND
    slow = processes.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout_seconds=0.1)
    assert slow.exit_code == TIMED_OUT


def test_input_is_given_and_never_inherited(processes: Processes) -> None:
    read = [sys.executable, "-c", "import sys; print(sys.stdin.read().upper())"]
    assert processes.run(read, input_text="hush").stdout == "HUSH\n"
    assert processes.run(read).stdout == "\n"


def test_streamed_lines_come_in_order_with_errors_among_them(processes: Processes) -> None:
    lines: list[str] = []
    program = "import sys; print('a', flush=True); print('b', file=sys.stderr, flush=True); print('c'); sys.exit(3)"
    done = processes.stream([sys.executable, "-c", program], lines.append, env=dict(os.environ))
    assert lines == ["a", "b", "c"]
    assert (done.exit_code, done.stdout) == (3, "a\nb\nc")


def test_a_background_program_writes_to_its_log(processes: Processes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes.start([sys.executable, "-c", "print('ready')"], log)
    wait_until("the program has written", lambda: log.read_text() == "ready\n", deadline_seconds=10)


def test_a_failed_program_becomes_an_error_with_its_own_words(processes: Processes) -> None:
    done = processes.run([sys.executable, "-c", "import sys; sys.exit('disk full')"])
    with pytest.raises(OpsError, match=r"Saving failed.*disk full") as raised:
        done.require("Saving", "Make room.")
    assert raised.value.hint == "Make room."


def test_each_finished_step_is_one_line_with_its_time() -> None:
    progress, text = quiet_progress()
    with progress.step("images") as step:
        step.note("building kafka")
        step.done("9 built")
    assert "images: 9 built (0.0 s)" in text.getvalue()
    assert "building kafka" not in text.getvalue()


def test_a_step_that_fails_is_not_reported_as_finished() -> None:
    progress, text = quiet_progress()
    with pytest.raises(OpsError), progress.step("images"):
        raise OpsError("no space")
    assert "images" not in text.getvalue()


def test_a_long_step_gives_a_heartbeat_with_what_it_does() -> None:
    quiet, text = quiet_progress()
    progress = Progress(quiet.console, heartbeat_seconds=0.01)
    with progress.step("images") as step:
        step.note("building [kafka]")
        wait_until("a heartbeat", lambda: "so far: building [kafka]" in text.getvalue(), deadline_seconds=10)
