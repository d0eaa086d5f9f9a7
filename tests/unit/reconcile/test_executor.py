"""Real worker processes, with work that does not need a database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import ConfigError
from reconcile.executor import DaskExecutor, Done, LocalExecutor
from reconcile.model import ScanOptions, SourceSettings, TargetSettings, Unit, UnitCounts, UnitKind, UnitResult
from reconcile.work import UnitError, WorkContext
from tests.support.waiting import wait_until
from tests.unit.reconcile.plans import column, plan

CONTEXT = WorkContext("run", SourceSettings(()), TargetSettings("h"), plan(column("id", "int")), ScanOptions())
DEADLINE_SECONDS = 60
DIES, FAILS, SLEEPS = 100, 101, 102
"""Numbers of units whose work goes wrong."""


def work(context: WorkContext, unit: Unit) -> UnitResult:
    """Return the process that did it in place of a count."""
    assert context.run_id == "run"
    if unit.number == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if unit.number == FAILS:
        raise UnitError("the query timed out")
    if unit.number == SLEEPS:
        time.sleep(3600)
    return UnitResult(unit, UnitCounts(source_rows=os.getpid()))


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(CONTEXT, 2, work)
    yield executor
    executor.close()


def unit(number: int) -> Unit:
    return Unit(number, UnitKind.TOKENS, number, number + 1)


def finish(executor: LocalExecutor, units: int) -> list[Done]:
    ended: list[Done] = []

    def all_ended() -> bool:
        ended.extend(executor.completed(1.0))
        return len(ended) >= units

    wait_until(f"{units} units end", all_ended, DEADLINE_SECONDS)
    return ended


def test_units_are_done_in_other_processes_and_each_ends_once(executor: LocalExecutor) -> None:
    for number in range(10):
        executor.submit(unit(number))

    ended = finish(executor, 10)

    assert sorted(each.number for each, _ in ended) == list(range(10))
    assert all(isinstance(result, UnitResult) and result.counts.source_rows != os.getpid() for _, result in ended)
    assert executor.completed(0.01) == []


def test_an_error_comes_back_with_its_unit_and_the_process_goes_on(executor: LocalExecutor) -> None:
    executor.submit(unit(FAILS))
    executor.submit(unit(1))

    ended = dict(finish(executor, 2))

    assert str(ended[unit(FAILS)]) == "the query timed out"
    assert isinstance(ended[unit(1)], UnitResult)


def test_units_of_a_process_that_dies_come_back_as_errors_and_later_ones_are_done(executor: LocalExecutor) -> None:
    executor.submit(unit(DIES))
    ((lost, error),) = finish(executor, 1)
    executor.submit(unit(1))
    ((done, result),) = finish(executor, 1)

    assert (lost.number, done.number) == (DIES, 1)
    assert "worker process died" in str(error)
    assert isinstance(result, UnitResult)


def test_a_close_does_not_wait_for_long_units() -> None:
    executor = LocalExecutor(CONTEXT, 1, work)
    executor.submit(unit(1))
    finish(executor, 1)
    executor.submit(unit(SLEEPS))
    began = time.monotonic()

    executor.close()

    assert time.monotonic() - began < DEADLINE_SECONDS


PARENT = """
import sys, time
from tests.unit.reconcile.test_executor import *
executor = LocalExecutor(CONTEXT, 2, work)
for number in (1, 2):
    executor.submit(unit(number))
print(*{result.counts.source_rows for _, result in finish(executor, 2)}, flush=True)
time.sleep(3600)
"""


def test_workers_end_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        workers = [int(number) for number in parent.stdout.readline().split()]
        parent.kill()
    assert workers

    wait_until("the workers end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), DEADLINE_SECONDS)


def test_passwords_do_not_go_through_dask() -> None:
    context = WorkContext("run", SourceSettings((), password="p"), TargetSettings("h"), CONTEXT.plan, ScanOptions())

    with pytest.raises(ConfigError, match="scylla needs credentials_file"):
        DaskExecutor(context, "tcp://nowhere:1")
