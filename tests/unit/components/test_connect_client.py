import base64
from typing import Any

import httpx
import pytest

from components.kafka_connect.client import ConnectClient, ConnectorPlugin
from components.kafka_connect.errors import (
    ConnectConflict,
    ConnectError,
    ConnectorNotFound,
    ConnectorNotRunning,
    ConnectRejected,
    ConnectUnavailable,
)
from components.provider_errors import ProviderError
from tests.doubles import FakeClock, FakeConnect

URL = "http://127.0.0.1:28083/"
CONFIG = {"name": "sink", "connector.class": "org.x.Sink", "tasks.max": "1", "topics": "t"}
CONFLICT = (409, {"error_code": 409, "message": "Cannot complete request because of a conflicting operation"})
STARTING = (404, None)


class Connect:
    """A client in front of a fake Connect, with a clock that only sleeping moves."""

    def __init__(self, **options: Any) -> None:
        self.fake = FakeConnect()
        self.clock = FakeClock()
        transport = options.pop("transport", None) or self.fake.transport()
        self.client = ConnectClient(URL, transport=transport, clock=self.clock, **options)


@pytest.fixture
def connect() -> Connect:
    return Connect()


@pytest.fixture
def with_sink(connect: Connect) -> Connect:
    connect.client.put_config("sink", CONFIG)
    connect.fake.requests.clear()
    return connect


def status_answers(connect: Connect, *states: tuple[str, list[str]]) -> None:
    """What the next status requests say: the connector's state and those of its tasks."""
    connect.fake.next_answers = [
        (
            200,
            {
                "name": "sink",
                "connector": {"state": state, "worker_id": "w"},
                "tasks": [{"id": number, "state": task, "worker_id": "w"} for number, task in enumerate(tasks)],
            },
        )
        for state, tasks in states
    ]


def test_a_connector_is_put_read_and_listed(connect: Connect) -> None:
    connect.client.put_config("sink", CONFIG)
    assert connect.client.get_config("sink") == CONFIG
    assert connect.client.connectors() == ("sink",)
    assert connect.fake.requests[0] == "PUT /connectors/sink/config"


def test_putting_twice_is_no_error(connect: Connect) -> None:
    connect.client.put_config("sink", CONFIG)
    connect.client.put_config("sink", CONFIG | {"topics": "u"})
    assert connect.client.get_config("sink")["topics"] == "u"


def test_a_name_cannot_reach_another_path(connect: Connect) -> None:
    with pytest.raises(ConnectorNotFound):
        connect.client.get_config("../sink/x?y")
    assert connect.fake.requests == ["GET /connectors/..%2Fsink%2Fx%3Fy/config"]


def test_an_unknown_connector_is_told_apart_from_everything_else(connect: Connect) -> None:
    for ask in (connect.client.get_config, connect.client.status, connect.client.restart):
        with pytest.raises(ConnectorNotFound, match="sink not found"):
            ask("sink")
    assert connect.clock.sleeps == []


def test_the_status_tells_states_workers_and_no_reason_when_all_is_well(with_sink: Connect) -> None:
    status = with_sink.client.status("sink")
    assert (status.name, status.state, status.trace) == ("sink", "RUNNING", "")
    assert [(task.id, task.state, task.worker, task.trace) for task in status.tasks] == [(0, "RUNNING", "w:8083", "")]
    assert status.summary == "connector RUNNING, task 0 RUNNING"


def test_a_trace_is_shortened_and_shows_no_row_values(with_sink: Connect) -> None:
    trace = "org.x.ConnectException: Exiting\n\tat org.x.Y\nCaused by: java.sql.E: INSERT INTO t VALUES ('Ada')\n\tat z"
    with_sink.fake.fail_task("sink", trace)
    status = with_sink.client.status("sink")
    assert status.has_failed
    assert status.summary.endswith(": ConnectException: Exiting; root cause: E: INSERT INTO t VALUES (***)")


@pytest.mark.parametrize(
    "answer", [CONFLICT, STARTING, (503, None), (500, {"error_code": 500, "message": "Request timed out"})]
)
def test_a_passing_refusal_is_repeated_with_growing_pauses(with_sink: Connect, answer: tuple[int, Any]) -> None:
    with_sink.fake.next_answers = [answer] * 3
    assert with_sink.client.get_config("sink") == CONFIG
    assert with_sink.clock.sleeps == [0.25, 0.5, 1.0]


def test_pauses_stop_growing_and_the_whole_is_bounded() -> None:
    connect = Connect(retry_timeout_seconds=30)
    connect.fake.next_answers = [CONFLICT] * 100
    with pytest.raises(ConnectConflict, match="409 to PUT /connectors/sink/config"):
        connect.client.put_config("sink", CONFIG)
    assert max(connect.clock.sleeps) == 5
    assert sum(connect.clock.sleeps) < 30


def test_no_worker_at_all_is_waited_for_and_then_named() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    connect = Connect(transport=httpx.MockTransport(refuse), retry_timeout_seconds=10)
    with pytest.raises(ConnectUnavailable, match=r"http://127.0.0.1:28083 does not answer \(ConnectError: Connection"):
        connect.client.connectors()
    assert 5 < sum(connect.clock.sleeps) < 10


def test_a_worker_that_comes_back_in_time_is_not_an_error() -> None:
    attempts = []

    def answer(request: httpx.Request) -> httpx.Response:
        attempts.append(request)
        if len(attempts) < 3:
            raise httpx.ReadTimeout("timed out", request=request)
        return httpx.Response(200, json=[])

    assert Connect(transport=httpx.MockTransport(answer)).client.connectors() == ()


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_refusal_carries_the_workers_message_and_is_not_repeated(connect: Connect, status: int) -> None:
    message = "Connector configuration is invalid: connection.password=hunter2 topics must be set"
    connect.fake.next_answers = [(status, {"error_code": status, "message": message})]
    with pytest.raises(ConnectRejected, match="topics must be set") as raised:
        connect.client.put_config("sink", CONFIG)
    assert "hunter2" not in str(raised.value)
    assert connect.clock.sleeps == []


def test_an_unknown_class_is_answered_with_the_names_of_the_known_ones(connect: Connect) -> None:
    known = "PluginDesc{klass=class org.x.Sink, name='org.x.Sink', version='1', location='classpath'}"
    message = f"Failed to find any class that matches org.x.Snk, available connectors are: {known}, {known}"
    connect.fake.next_answers = [(500, {"error_code": 500, "message": message})]
    with pytest.raises(ConnectRejected, match=r"available connectors are: org\.x\.Sink, org\.x\.Sink$"):
        connect.client.put_config("sink", CONFIG)


@pytest.mark.parametrize("status", [401, 403])
def test_missing_credentials_are_named(connect: Connect, status: int) -> None:
    connect.fake.next_answers = [(status, {"error_code": status, "message": "no"})]
    with pytest.raises(ConnectRejected, match="set connectUser and connectPassword"):
        connect.client.connectors()


def test_credentials_are_sent_and_never_shown() -> None:
    connect = Connect(basic_auth=("admin", "hunter2"))
    connect.fake.next_answers = [(400, {"error_code": 400, "message": "no"})]
    with pytest.raises(ConnectRejected) as raised:
        connect.client.connectors()
    assert connect.fake.headers[0]["authorization"] == "Basic " + base64.b64encode(b"admin:hunter2").decode()
    assert "hunter2" not in str(raised.value)


def test_a_404_of_something_else_than_connect_is_not_taken_for_a_missing_connector() -> None:
    connect = Connect(transport=httpx.MockTransport(lambda _: httpx.Response(404, text="<html>nginx</html>")))
    with pytest.raises(ConnectRejected, match="nginx"):
        connect.client.delete("sink")


def test_every_error_can_be_shown_to_the_engine() -> None:
    for error in (ConnectUnavailable, ConnectConflict, ConnectorNotFound, ConnectRejected, ConnectorNotRunning):
        assert issubclass(error, ConnectError)
        assert issubclass(error, ProviderError)


def test_deleting_waits_until_the_connector_is_gone(with_sink: Connect) -> None:
    with_sink.fake.next_answers = [CONFLICT, (204, None), (200, CONFIG)]
    del with_sink.fake.configs["sink"]
    with_sink.client.delete("sink")
    assert with_sink.fake.requests[:2] == ["DELETE /connectors/sink"] * 2
    assert with_sink.fake.requests[2:] == ["GET /connectors/sink/config"] * 2


def test_deleting_what_is_not_there_is_done_already(connect: Connect) -> None:
    connect.client.delete("sink")
    assert connect.fake.requests == ["DELETE /connectors/sink"]


def test_deleting_what_does_not_go_away_fails_in_the_end(connect: Connect) -> None:
    connect.fake.next_answers = [(204, None)] + [(200, CONFIG)] * 100
    with pytest.raises(ConnectUnavailable, match="is still there after 60 s"):
        connect.client.delete("sink")
    assert sum(connect.clock.sleeps) < 60


def test_a_restart_says_what_to_restart(with_sink: Connect) -> None:
    with_sink.client.restart("sink")
    with_sink.client.restart("sink", include_tasks=True, only_failed=True)
    assert with_sink.fake.requests == [
        "POST /connectors/sink/restart?includeTasks=true&onlyFailed=false",
        "POST /connectors/sink/restart?includeTasks=true&onlyFailed=true",
    ]


def test_a_paused_connector_is_resumed(with_sink: Connect) -> None:
    with_sink.fake.states["sink"] = "PAUSED"
    with_sink.client.resume("sink")
    assert with_sink.client.status("sink").state == "RUNNING"


def test_validation_lists_only_properties_with_errors(connect: Connect) -> None:
    assert connect.client.validate("org.x.Sink", {"topics": "t"}) == {}
    problems = connect.client.validate("org.x.Sink", {})
    assert problems == {"topics": ["Must configure one of topics or topics.regex"]}


def test_plugins_are_listed(connect: Connect) -> None:
    assert connect.client.plugins() == (ConnectorPlugin("org.x.Sink", "sink", "1.0"),)


def test_a_client_closes_with_its_block() -> None:
    with Connect().client as client:
        assert client.connectors() == ()
    with pytest.raises(RuntimeError):
        client.connectors()


# Waiting until a connector runs.


def test_running_counts_when_it_is_seen_twice_a_second_apart(with_sink: Connect) -> None:
    status = with_sink.client.wait_running("sink")
    assert status.is_running()
    assert with_sink.clock.sleeps == [1.0]


def test_running_must_last_as_long_as_asked(with_sink: Connect) -> None:
    status_answers(with_sink, *[("RUNNING", ["RUNNING"])] * 3, ("RUNNING", ["UNASSIGNED"]))
    with_sink.client.wait_running("sink", stable_seconds=5)
    assert sum(with_sink.clock.sleeps) == 4 + 5


@pytest.mark.parametrize(
    ("state", "tasks"),
    [
        ("RUNNING", ["RESTARTING"]),
        ("RUNNING", ["UNASSIGNED"]),
        ("RUNNING", []),
        ("UNASSIGNED", ["RUNNING"]),
        ("PAUSED", ["PAUSED"]),
    ],
)
def test_anything_but_running_is_waited_for(with_sink: Connect, state: str, tasks: list[str]) -> None:
    status_answers(with_sink, ("RUNNING", ["RUNNING"]), (state, tasks))
    with_sink.client.wait_running("sink")
    assert sum(with_sink.clock.sleeps) == 3


def test_all_tasks_are_waited_for(with_sink: Connect) -> None:
    status_answers(with_sink, *[("RUNNING", ["RUNNING"])] * 3, *[("RUNNING", ["RUNNING", "RUNNING"])] * 2)
    assert len(with_sink.client.wait_running("sink", tasks=2).tasks) == 2


def test_a_connector_without_a_status_yet_is_waited_for(with_sink: Connect) -> None:
    with_sink.fake.next_answers = [(404, {"error_code": 404, "message": "No status found"}), STARTING, CONFLICT]
    assert with_sink.client.wait_running("sink").is_running()


def test_a_failed_task_fails_with_its_message_and_with_what_to_do(with_sink: Connect) -> None:
    with_sink.fake.fail_task("sink", "org.x.ConnectException: relation t does not exist\n\tat x")
    with pytest.raises(ConnectorNotRunning) as raised:
        with_sink.client.wait_running("sink")
    message = str(raised.value)
    assert "connector sink failed: connector RUNNING, task 0 FAILED" in message
    assert "relation t does not exist" in message
    assert "run the same command again" in message
    assert "sink" in with_sink.fake.configs


def test_a_failure_from_before_a_restart_is_not_held_against_it(with_sink: Connect) -> None:
    status_answers(with_sink, ("RUNNING", ["FAILED"]), ("RUNNING", ["FAILED"]), ("RUNNING", ["RESTARTING"]))
    assert with_sink.client.wait_running("sink").is_running()


def test_what_never_runs_fails_in_the_end_with_its_last_state(with_sink: Connect) -> None:
    status_answers(with_sink, *[("RUNNING", ["RESTARTING"])] * 100)
    with pytest.raises(ConnectorNotRunning, match="not running after 20 s: connector RUNNING, task 0 RESTARTING"):
        with_sink.client.wait_running("sink", timeout_seconds=20)
    assert sum(with_sink.clock.sleeps) < 20


def test_a_certificate_that_is_not_trusted_is_said_at_once() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", request=request)

    connect = Connect(transport=httpx.MockTransport(refuse))
    with pytest.raises(ConnectRejected, match=r"shows a certificate that is not trusted here .*tlsCaCertificate"):
        connect.client.connectors()
    assert connect.clock.sleeps == []
