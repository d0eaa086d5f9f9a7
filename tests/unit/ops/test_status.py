"""Status tells what is wrong, and is wrong when something is."""

import io
from collections.abc import Mapping

import httpx
import pytest
from rich.console import Console

from ops.docker import Docker
from ops.outputs import parse_outputs
from ops.status import Status, collect_status, endpoint_answers
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, FakeRunner, failed, inspected, ok

RUNNING = {"name": "x", "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}
FAILED = {
    "name": "x",
    "connector": {"state": "RUNNING"},
    "tasks": [{"id": 0, "state": "FAILED", "trace": "ConnectException: no such table"}],
}


def status(
    containers: str | None = None,
    connectors: Mapping[str, object] | int = RUNNING,
    deaf: str = "",
) -> Status:
    runner = FakeRunner().on("container inspect", ok(containers or inspected()))

    def handler(_: httpx.Request) -> httpx.Response:
        if isinstance(connectors, int):
            return httpx.Response(connectors, json={"error_code": connectors, "message": "none"})
        return httpx.Response(200, json=connectors)

    outputs = parse_outputs(RAW_OUTPUTS, "dev")
    return collect_status(
        outputs, "dev", Docker(runner), httpx.MockTransport(handler), lambda endpoint: endpoint != deaf
    )


def test_all_is_well_when_everything_runs() -> None:
    assert status().ok
    assert status().problems() == []
    assert status().as_json()["ok"] is True


@pytest.mark.parametrize(
    ("containers", "words"),
    [(inspected(health="unhealthy"), "unhealthy"), (inspected("exited", None), "exited")],
)
def test_a_container_that_is_not_well_is_a_problem(containers: str, words: str) -> None:
    found = status(containers)
    assert not found.ok
    assert words in found.problems()[0]


def test_a_missing_container_is_a_problem() -> None:
    runner = FakeRunner().on("container inspect", failed("Error: No such container: x"))
    assert Docker(runner).container("x").state == "missing"


def test_an_endpoint_that_does_not_answer_is_a_problem_with_and_without_a_container() -> None:
    assert "kafka-1: healthy, but 127.0.0.1:29092 does not answer" in status(deaf="127.0.0.1:29092").problems()
    assert "postgres: does not answer" in status(deaf="127.0.0.1:25432").problems()


def test_a_failed_task_is_reported_with_its_message() -> None:
    found = status(connectors=FAILED)
    assert not found.ok
    assert "postgres-sink: ConnectException: no such table" in found.problems()


def test_a_connector_without_tasks_is_a_problem() -> None:
    assert not status(connectors={"name": "x", "connector": {"state": "RUNNING"}, "tasks": []}).ok


def test_a_missing_connector_is_a_problem() -> None:
    assert "scylla-source: missing" in status(connectors=404).problems()


def test_a_connect_that_does_not_answer_is_a_problem_of_both_connectors() -> None:
    problems = status(connectors=503).problems()
    assert [problem.split(":")[0] for problem in problems] == ["scylla-source", "postgres-sink"]


def test_stand_ins_and_restarts_are_shown() -> None:
    found = status(inspected(restarts=2, stand_in="Apache Cassandra 5.0"))
    text = io.StringIO()
    Console(file=text, width=200).print(found.table())
    assert "Apache Cassandra 5.0" in text.getvalue()
    assert "restarted 2 times" in text.getvalue()


def test_no_password_is_part_of_the_status() -> None:
    assert "s3cret" not in str(status().as_json())


def test_a_closed_port_does_not_answer() -> None:
    assert not endpoint_answers("127.0.0.1:1")
    assert not endpoint_answers("http://127.0.0.1:1")
