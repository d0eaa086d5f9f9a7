"""Failed connectors are restarted with growing pauses and a limit; a lasting fault is given up and shown."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from reconcile.model import Patience
from reconcile.serve import make_supervisor
from reconcile.settings import load_settings
from reconcile.supervisor import Supervisor, SupervisorCollector, supervise
from tests.unit.reconcile.runs import config_file

RESTART = "POST /connectors/sink/restart?includeTasks=true&onlyFailed=true"


@dataclass
class Connect:
    """A Connect cluster with one connector and one task, and a clock."""

    connector: str = "RUNNING"
    task: str = "RUNNING"
    up: bool = True
    status_code: int = 200
    restart_code: int = 202
    heals: bool = False
    """Whether a restart helps."""
    trace: str = "org.x.ConnectException: Key (email)=(alice) exists\n\tat org.x.Y"
    now: float = 0.0
    requests: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("refused")
        if request.method == "POST":
            self.requests.append(f"POST {request.url.raw_path.decode()}")
            if self.heals and self.restart_code == 202:
                self.connector = self.task = "RUNNING"
            return httpx.Response(self.restart_code)
        trace = {"trace": self.trace} if self.task == "FAILED" else {}
        task: dict[str, Any] = {"id": 0, "state": self.task} | trace
        return httpx.Response(
            self.status_code, json={"name": "sink", "connector": {"state": self.connector}, "tasks": [task]}
        )

    def supervisor(self, **changes: Any) -> Supervisor:
        patience = Patience(**({"most_restarts": 3} | changes))
        return Supervisor(
            "http://connect:8083/", ("sink",), patience, httpx.MockTransport(self.answer), clock=lambda: self.now
        )


def test_what_runs_is_left_alone() -> None:
    connect = Connect()
    one = connect.supervisor()
    one.look()
    assert connect.requests == []
    assert one.connect_up


@pytest.mark.parametrize("states", [{"task": "FAILED"}, {"connector": "FAILED"}])
def test_a_failure_is_restarted_at_once(states: dict[str, str]) -> None:
    connect = Connect(**states, heals=True)  # type: ignore[arg-type] # texts only
    one = connect.supervisor()
    one.look()
    assert connect.requests == [RESTART]
    assert one.restarts("sink") == 1


@pytest.mark.parametrize(
    "trace",
    [
        "io.confluent.RestClientException: Schema being registered is incompatible; error code: 409",
        "io.apicurio.registry.rest.client.models.RuleViolationProblemDetails",
    ],
)
def test_a_schema_that_the_registry_refused_is_told_apart(trace: str) -> None:
    connect = Connect(task="FAILED", trace=f"org.x.DataException: no\nCaused by: {trace}")
    one = connect.supervisor()
    one.look()
    assert one.is_schema_refused("sink")

    connect.task = "RUNNING"
    one.look()
    assert not one.is_schema_refused("sink")


def test_another_failure_is_not_taken_for_a_refused_schema() -> None:
    one = Connect(task="FAILED").supervisor()
    one.look()
    assert not one.is_schema_refused("sink")


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED", "UNASSIGNED", "RESTARTING"])
def test_other_states_are_left_alone(state: str) -> None:
    connect = Connect(connector=state, task=state)
    connect.supervisor().look()
    assert connect.requests == []


def test_pauses_grow_until_it_gives_up() -> None:
    connect = Connect(task="FAILED")
    one = connect.supervisor(first_pause_seconds=10)
    restarted_at = []
    for second in range(200):
        connect.now = float(second)
        before = len(connect.requests)
        one.look()
        restarted_at += [second] if len(connect.requests) > before else []
    assert restarted_at == [0, 10, 30]
    assert one.has_given_up("sink")


def test_it_does_not_give_up_before_the_last_restart_had_its_time() -> None:
    connect = Connect(task="FAILED")
    one = connect.supervisor(most_restarts=1, first_pause_seconds=10)
    one.look()
    connect.now = 9
    one.look()
    assert not one.has_given_up("sink")
    connect.now = 10
    one.look()
    assert one.has_given_up("sink")


def test_pauses_have_a_limit() -> None:
    assert Patience(first_pause_seconds=10, longest_pause_seconds=600).pause_seconds(10_000) == 600


def test_a_connector_that_was_mended_starts_with_a_clean_slate() -> None:
    connect = Connect(task="FAILED")
    one = connect.supervisor(most_restarts=1)
    for connect.now in (0.0, 100.0):
        one.look()
    assert one.has_given_up("sink")
    connect.task = "RUNNING"
    one.look()
    assert not one.has_given_up("sink")
    connect.task, connect.now = "FAILED", 200.0
    one.look()
    assert len(connect.requests) == 2


def test_a_connector_that_ran_for_a_while_has_recovered() -> None:
    connect = Connect(task="FAILED", heals=True)
    one = connect.supervisor(most_restarts=1, forget_seconds=60, first_pause_seconds=1)
    one.look()
    for connect.now in (10.0, 70.0):
        one.look()
    connect.task = "FAILED"
    one.look()
    assert len(connect.requests) == 2
    assert not one.has_given_up("sink")


def test_one_that_fails_again_soon_has_not_recovered() -> None:
    connect = Connect(task="FAILED", heals=True)
    one = connect.supervisor(most_restarts=1, forget_seconds=60, first_pause_seconds=1)
    one.look()
    connect.now = 10.0
    one.look()
    connect.task, connect.now = "FAILED", 30.0
    one.look()
    assert one.has_given_up("sink")


def test_a_rebalance_costs_no_restart() -> None:
    connect = Connect(task="FAILED", restart_code=409)
    one = connect.supervisor()
    one.look()
    one.look()
    assert len(connect.requests) == 2
    assert one.restarts("sink") == 0


def test_a_connect_that_is_down_or_starting_is_waited_for() -> None:
    connect = Connect(up=False)
    one = connect.supervisor()
    one.look()
    assert not one.connect_up
    connect.up, connect.status_code = True, 404
    one.look()
    assert connect.requests == []


def test_the_log_names_the_class_of_the_failure_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    Connect(task="FAILED").supervisor().look()
    printed = capsys.readouterr().out
    assert "org.x.ConnectException" in printed
    assert "alice" not in printed


def test_metrics_show_restarts_and_what_was_given_up() -> None:
    connect = Connect(task="FAILED")
    one = connect.supervisor(most_restarts=1)
    for connect.now in (0.0, 100.0):
        one.look()
    registry = CollectorRegistry()
    registry.register(SupervisorCollector(one))
    shown = generate_latest(registry).decode()
    assert 'reconcile_supervisor_restarts_total{connector="sink"} 1.0' in shown
    assert 'reconcile_supervisor_given_up{connector="sink"} 1.0' in shown
    assert "reconcile_supervisor_connect_up 1.0" in shown


def test_the_thread_looks_until_it_is_stopped_and_survives_a_strange_answer() -> None:
    connect, looked, stop = Connect(), threading.Semaphore(0), threading.Event()
    answers = iter([httpx.Response(200, json={}), httpx.Response(200, text="x")])

    def answer(request: httpx.Request) -> httpx.Response:
        looked.release()
        return next(answers, None) or connect.answer(request)

    one = Supervisor("http://connect:8083", ("sink",), Patience(), httpx.MockTransport(answer))
    thread = supervise(one, 0.001, stop)
    for _ in range(4):
        assert looked.acquire(timeout=10)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert one.connect_up


def test_only_a_known_pipeline_is_supervised(tmp_path: Path) -> None:
    without = load_settings(config_file(tmp_path), {})
    assert make_supervisor(without) is None
    known = {
        "RECONCILE_PIPELINE__CONNECT_URL": "http://connect:8083",
        "RECONCILE_PIPELINE__SINK_CONNECTOR": "postgres-sink",
        "RECONCILE_SUPERVISE__MOST_RESTARTS": "4",
    }
    found = make_supervisor(load_settings(config_file(tmp_path), known))
    assert found
    assert (found.connectors, found.patience.most_restarts) == (("postgres-sink",), 4)
    off = known | {"RECONCILE_SUPERVISE__ENABLED": "false"}
    assert make_supervisor(load_settings(config_file(tmp_path), off)) is None
