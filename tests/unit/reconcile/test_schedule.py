"""What runs by the clock, and when."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from reconcile.errors import UnreachableError
from reconcile.model import Mode, RepairPolicy
from reconcile.records import RunState
from reconcile.schedule import Child, ScheduledRuns, arguments, resumptions, upcoming
from reconcile.settings import Schedule, Settings, load_settings
from tests.support.waiting import wait_until
from tests.unit.reconcile.fake_store import NOW, FakeStore, run_record
from tests.unit.reconcile.runs import config_file

WEDNESDAY = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 3, 8, 2, 0, tzinfo=UTC)
DEADLINE_SECONDS = 30.0


def test_days_are_incremental_and_close_gaps_and_sunday_is_full() -> None:
    assert arguments(Schedule(), WEDNESDAY)[:5] == ["run", "--mode", "incremental", "--fallback", "full"]
    assert arguments(Schedule(), SUNDAY)[:3] == ["run", "--mode", "full"]


def test_the_day_is_that_of_the_schedules_time_zone() -> None:
    late_on_saturday_in_utc = datetime(2026, 3, 7, 20, 0, tzinfo=UTC)

    assert arguments(Schedule(time_zone="Asia/Tokyo"), late_on_saturday_in_utc)[2] == "full"
    assert arguments(Schedule(), late_on_saturday_in_utc)[2] == "incremental"


def test_the_schedule_repairs_only_what_it_is_told_to() -> None:
    repair = Schedule(repair=RepairPolicy.MISSING)

    assert "none" in arguments(Schedule(), WEDNESDAY)
    assert arguments(repair, WEDNESDAY)[arguments(repair, WEDNESDAY).index("--repair") + 1] == "missing"


def test_the_days_of_the_full_run_are_a_choice() -> None:
    assert arguments(Schedule(full_on=()), SUNDAY)[2] == "incremental"
    assert arguments(Schedule(full_on=("wed",)), WEDNESDAY)[2] == "full"


@pytest.mark.parametrize("begin", [datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC)])
def test_a_change_of_the_clock_neither_skips_nor_doubles_a_day(begin: datetime) -> None:
    due = [moment for moment, _ in upcoming(Schedule(time_zone="Europe/Berlin", cron="30 2 * * *"), begin, 5)]

    assert [moment.date() for moment in due] == [(begin + timedelta(days=day)).date() for day in range(1, 6)]
    assert all(later - sooner > timedelta(hours=22) for sooner, later in pairwise(due))


def test_the_upcoming_runs_name_their_modes() -> None:
    assert [mode for _, mode in upcoming(Schedule(), WEDNESDAY, 7)].count("full") == 1


CUT_SHORT = {"state": RunState.INTERRUPTED, "started_at": NOW - timedelta(hours=3)}


def test_a_run_that_a_restart_cut_short_goes_on() -> None:
    interrupted = run_record(**CUT_SHORT, repair_policy=RepairPolicy.ALL, dry_run=True)
    store: Any = FakeStore([interrupted])

    (command,) = resumptions(store, ["shop.users", "shop.orders"], NOW)

    assert command[:5] == ["run", "--table", "shop.users", "--resume", str(interrupted.run_id)]
    assert command[command.index("--repair") + 1] == "all"
    assert "--dry-run" in command


@pytest.mark.parametrize(
    ("changes", "resumed"),
    [
        ({"state": RunState.CRASHED}, True),
        ({"state": RunState.RUNNING, "heartbeat_at": NOW - timedelta(minutes=2)}, True),
        ({"state": RunState.RUNNING, "heartbeat_at": NOW - timedelta(seconds=5)}, False),
        ({"state": RunState.FINISHED}, False),
        ({"state": RunState.INCOMPLETE}, False),
        ({"state": RunState.INTERRUPTED, "started_at": NOW - timedelta(hours=30)}, False),
    ],
)
def test_only_runs_that_lost_their_process_lately_go_on(changes: dict[str, Any], resumed: bool) -> None:
    store: Any = FakeStore([run_record(**{**CUT_SHORT, **changes})])

    assert bool(resumptions(store, ["shop.users"], NOW)) is resumed


def test_a_run_with_a_newer_one_after_it_does_not_go_on() -> None:
    store: Any = FakeStore([run_record(**CUT_SHORT), run_record(started_at=NOW - timedelta(hours=1))])

    assert resumptions(store, ["shop.users"], NOW) == []


class Launched:
    """Takes the place of `Child`."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.happened = threading.Event()

    def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(list(command))
        self.happened.set()
        return 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(config_file(tmp_path), {})


@pytest.fixture
def started(settings: Settings) -> Iterator[Callable[..., ScheduledRuns]]:
    begun: list[ScheduledRuns] = []

    def start(launch: Launched, open_store: Callable[[], Any]) -> ScheduledRuns:
        runs = ScheduledRuns(settings, launch, open_store, clock=lambda: NOW)
        begun.append(runs)
        runs.start()
        return runs

    yield start
    for runs in begun:
        runs.stop()


def test_the_service_goes_on_with_unfinished_runs_when_it_starts(started: Callable[..., ScheduledRuns]) -> None:
    store, launched = FakeStore([run_record(**CUT_SHORT)]), Launched()

    runs = started(launched, lambda: store)

    assert launched.happened.wait(DEADLINE_SECONDS)
    assert launched.commands[0][3] == "--resume"
    assert store.migrated == 1
    assert runs.alive
    assert runs.next_run() is not None


def test_a_database_that_is_down_at_the_start_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconcile.schedule.RETRY_AFTER", timedelta(0))
    launched = Launched()
    asked: list[None] = []

    def open_store() -> Any:
        asked.append(None)
        if len(asked) == 1:
            raise UnreachableError("PostgreSQL does not answer")
        return FakeStore([run_record(state=RunState.CRASHED, started_at=datetime.now(UTC))])

    runs = ScheduledRuns(settings, launched, open_store, clock=lambda: datetime.now(UTC))
    runs.start()
    try:
        assert launched.happened.wait(DEADLINE_SECONDS)
    finally:
        runs.stop()
    assert len(asked) == 2


def test_a_stopped_schedule_is_not_alive(started: Callable[..., ScheduledRuns]) -> None:
    runs = started(Launched(), FakeStore)

    runs.stop()
    runs.stop()

    assert not runs.alive


FAKE_RECONCILE = """
import json, pathlib, signal, sys, time
if "wait" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    pathlib.Path(__file__).with_name("ready").touch()
    time.sleep(60)
print(json.dumps({"runs": [{"arguments": sys.argv[1:]}]}))
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """A child that starts a script instead of the package."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE_RECONCILE)
    started = subprocess.Popen

    def popen(argv: list[str], **options: Any) -> Any:
        assert argv[:3] == [sys.executable, "-m", "reconcile"]
        return started([sys.executable, str(script), *argv[3:]], **options)

    monkeypatch.setattr("subprocess.Popen", popen)
    structlog.reset_defaults()
    return Child(Path("/etc/reconcile.yaml"))


@pytest.mark.parametrize(("code", "level"), [(0, "info"), (1, "info"), (3, "warning"), (4, "warning"), (77, "warning")])
def test_a_runs_end_is_logged_with_its_summary(child: Child, code: int, level: str) -> None:
    with capture_logs() as logs:
        assert child([str(code)]) == code

    begun, ended = logs
    assert (begun["event"], begun["arguments"]) == ("run begins", [str(code)])
    assert (ended["event"], ended["log_level"], ended["exit_code"]) == ("run ended", level, code)
    assert ended["runs"] == [{"arguments": [str(code), "--config", "/etc/reconcile.yaml"]}]


def test_a_run_in_progress_reaches_its_checkpoint_when_the_service_stops(child: Child, tmp_path: Path) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(child(["0", "wait"])))
    thread.start()
    wait_until("the run has begun", (tmp_path / "ready").exists, DEADLINE_SECONDS)

    child.stop()
    thread.join(DEADLINE_SECONDS)

    assert codes == [130]
    assert child(["0"]) == 130, "nothing starts any more"


def test_a_run_that_does_not_stop_is_killed(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.schedule.STOP_SECONDS", 0.0)
    monkeypatch.setattr("reconcile.schedule.signal.SIGTERM", signal.SIGCONT)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(child(["0", "wait"])))
    thread.start()
    waiting = threading.Event()
    while child._process is None and not waiting.wait(0.01):
        pass

    child.stop()
    thread.join(DEADLINE_SECONDS)

    assert codes == [-signal.SIGKILL]


def test_modes_are_those_of_the_command_line() -> None:
    assert {"full", "incremental"} == {mode.value for mode in Mode}
    assert json.dumps(arguments(Schedule(), WEDNESDAY))
