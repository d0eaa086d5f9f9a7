"""Runs by the clock. Each is a process of its own, so that no run can take the service down with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from reconcile.errors import ExitCode, ReconcileError
from reconcile.model import Mode
from reconcile.records import RunRecord, RunState
from reconcile.report import VERDICTS
from reconcile.settings import Schedule, Settings
from reconcile.store import Store

STOP_SECONDS: Final = 50.0
"""How long a run may take to reach its checkpoint when the service is stopped."""
RESUME_WITHIN: Final = timedelta(hours=24)
"""An older unfinished run is left alone: the next scheduled one covers what it would have found."""
RETRY_AFTER: Final = timedelta(seconds=30)
STALE_AFTER: Final = timedelta(seconds=60)
"""A run whose heartbeat is older has lost its process."""

_log = structlog.get_logger("reconcile.schedule")

Launch = Callable[[Sequence[str]], int]
"""Runs `reconcile` with these arguments to its end and returns its exit code."""


def arguments(schedule: Schedule, now: datetime) -> list[str]:
    """Return the arguments of the run that is due: a full one on the configured days, else an incremental one."""
    day = now.astimezone(schedule.zone).strftime("%a").lower()
    if day in schedule.full_on:
        mode = ["--mode", Mode.FULL.value]
    else:
        # A log that does not reach back to the last complete run leaves a gap that only a full run closes.
        mode = ["--mode", Mode.INCREMENTAL.value, "--fallback", Mode.FULL.value]
    return ["run", *mode, "--repair", schedule.repair.value, *_FOR_MACHINES]


def resumptions(store: Store, tables: Sequence[str], now: datetime) -> list[list[str]]:
    """Return the arguments that go on with runs that were cut short, as by a restart of the machine."""
    newest = [run for table in tables for run in store.runs(table, limit=1)]
    return [_resumption(run) for run in newest if _was_cut_short(run, now)]


def _was_cut_short(run: RunRecord, now: datetime) -> bool:
    stale = run.state is RunState.RUNNING and now - run.heartbeat_at > STALE_AFTER
    return (stale or run.state in (RunState.INTERRUPTED, RunState.CRASHED)) and now - run.started_at < RESUME_WITHIN


def _resumption(run: RunRecord) -> list[str]:
    dry_run = ["--dry-run"] if run.dry_run else []
    which = ["--table", run.table_name, "--resume", str(run.run_id)]
    return ["run", *which, "--repair", run.repair_policy.value, *dry_run, *_FOR_MACHINES]


_FOR_MACHINES: Final = ("--format", "json", "--progress", "log")


class ScheduledRuns:
    """The schedule: one run at a time, missed ones are made up for once, and stopped ones leave a checkpoint."""

    def __init__(
        self, settings: Settings, launch: Launch, open_store: Callable[[], Store], *, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._launch = launch
        self._open_store = open_store
        self._clock = clock
        self._scheduler = BackgroundScheduler(
            timezone=settings.schedule.zone,
            # One thread: a run that is being resumed and one that is due wait for one another.
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": int(settings.schedule.misfire_grace),
            },
        )

    def start(self) -> None:
        """Begin. Runs that were cut short go on first."""
        self._scheduler.add_job(self._resume, id="resume", misfire_grace_time=None)
        self._scheduler.add_job(self._due, trigger(self._settings.schedule), id="due")
        self._scheduler.start()
        _log.info("schedule", next_run=str(self.next_run()), cron=self._settings.schedule.cron)

    def stop(self) -> None:
        """Start nothing any more."""
        if self.alive:
            self._scheduler.shutdown(wait=False)

    @property
    def alive(self) -> bool:
        """Whether runs will be started."""
        return bool(self._scheduler.running)

    def next_run(self) -> datetime | None:
        """When the next run is due."""
        job = self._scheduler.get_job("due")
        found: datetime | None = job.next_run_time if job else None
        return found

    def _due(self) -> None:
        self._launch(arguments(self._settings.schedule, self._clock()))

    def _resume(self) -> None:
        tables = [table.source for table in self._settings.tables]
        try:
            with self._open_store() as store:
                store.migrate()
                unfinished = resumptions(store, tables, self._clock())
        except ReconcileError as error:
            _log.warning("cannot look for unfinished runs yet", error=str(error))
            self._scheduler.add_job(self._resume, run_date=self._clock() + RETRY_AFTER, id="resume")
            return
        for run in unfinished:
            self._launch(run)


class OnceByTheClock(CronTrigger):  # type: ignore[misc] # the library has no types
    """A cron trigger that does not fire twice when clocks are put back and an hour of the night comes again."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next time that no clock on the wall has shown at the one before."""
        found: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        if found is not None and previous_fire_time is not None and _wall(found) == _wall(previous_fire_time):
            return self.get_next_fire_time(found, found)
        return found


def _wall(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None, fold=0)


def trigger(schedule: Schedule) -> CronTrigger:
    """Return what knows when runs are due."""
    return OnceByTheClock.from_crontab(schedule.cron, timezone=schedule.zone)


def upcoming(schedule: Schedule, now: datetime, count: int) -> list[tuple[datetime, str]]:
    """Return when the next runs are due, each with its mode."""
    found: list[tuple[datetime, str]] = []
    due, last = trigger(schedule), None
    for _ in range(count):
        moment = due.get_next_fire_time(last, now if last is None else last)
        if moment is None:
            break
        found.append((moment, arguments(schedule, moment)[2]))
        last = moment
    return found


class Child:
    """Starts `reconcile` as a process and can stop it."""

    def __init__(self, config: Path | None) -> None:
        self._options = ["--config", str(config)] if config else []
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._stopping = False

    def __call__(self, command: Sequence[str]) -> int:
        """Run to the end; log how it ended. Its own log lines go where ours go."""
        argv = [sys.executable, "-m", "reconcile", *command, *self._options]
        with self._lock:
            if self._stopping:
                return ExitCode.INTERRUPTED
            _log.info("run begins", arguments=list(command))
            self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        output, _ = self._process.communicate()
        code = self._process.returncode
        level = _log.info if code in (ExitCode.CLEAN, ExitCode.DIFFERENCES) else _log.warning
        level("run ended", exit_code=code, verdict=_verdict(code), **_summary(output))
        return code

    def stop(self) -> None:
        """Let a run that is in progress reach its checkpoint, and start no other."""
        with self._lock:
            self._stopping = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("the run did not stop in time; it goes on from its last checkpoint", pid=process.pid)
            os.kill(process.pid, signal.SIGKILL)


def _verdict(code: int) -> str:
    return VERDICTS[ExitCode(code)] if code in set(ExitCode) else f"ended with {code}"


def _summary(output: str) -> dict[str, Any]:
    """What a run printed: its JSON document, for the log."""
    try:
        return {"runs": json.loads(output)["runs"]}
    except (ValueError, KeyError, TypeError):
        return {}


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
