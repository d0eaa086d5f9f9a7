from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from reconcile.control import Control, LimitReachedError, stop_on_signals
from reconcile.errors import InterruptedRunError
from reconcile.journal import LostRunError
from reconcile.request import Limits


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_at_its_next_step(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        control = Control(stop, Limits())
        control.check()
        os.kill(os.getpid(), number)
        with pytest.raises(InterruptedRunError, match="--resume"):
            control.check()

    assert signal.getsignal(number) is before


def test_outside_of_the_main_thread_signals_stay_as_they_are() -> None:
    def work() -> None:
        with stop_on_signals() as stop:
            handlers.append(signal.getsignal(signal.SIGTERM))
            stopped.append(stop.is_set())

    handlers: list[object] = []
    stopped: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert handlers == [signal.getsignal(signal.SIGTERM)]
    assert stopped == [False]


def test_a_run_that_takes_too_long_stops_as_incomplete() -> None:
    now = [0.0]
    control = Control(threading.Event(), Limits(max_runtime_seconds=60), clock=lambda: now[0])
    now[0] = 60
    control.check()
    now[0] = 60.1

    with pytest.raises(LimitReachedError, match="--max-runtime"):
        control.check()


def test_a_run_pauses_while_the_file_exists(tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    pause.touch()
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        pause.unlink(missing_ok=True)

    Control(threading.Event(), Limits(pause_file=pause), tell).check()

    assert told == [f"paused while {pause} exists", "going on"]


def test_a_paused_run_can_be_stopped(tmp_path: Path) -> None:
    pause, stop = tmp_path / "pause", threading.Event()
    pause.touch()

    with pytest.raises(InterruptedRunError):
        Control(stop, Limits(pause_file=pause), lambda _: stop.set()).check()


def test_a_sleep_ends_at_once_when_the_run_is_taken_over() -> None:
    control = Control(threading.Event(), Limits())
    control.end(LostRunError("taken over"))

    with pytest.raises(LostRunError, match="taken over"):
        control.sleep(3600)
