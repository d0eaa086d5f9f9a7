import socket
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from components.gate import Gate, GateArgs, GateProvider
from components.probes import NotReady, honours_proxies, probe, split_address
from components.provider_errors import ProviderError
from tests.doubles import FakeClock, FakeConnect, free_address, tcp_server
from tests.unit.components.mock_engine import declared

PROPS = {
    "service": "postgres",
    "kind": "postgres",
    "address": "127.0.0.1:25432",
    "timeout_seconds": 10,
    "expected_statuses": [200],
    "triggers": ["container-1"],
}


class ScriptedGate(GateProvider):
    """A gate in front of an endpoint that gives these answers, the last one for ever; None is ready."""

    def __init__(self, *answers: str | None) -> None:
        super().__init__()
        self.time = FakeClock()
        self.clock = self.time  # type: ignore[misc]
        self.asked: list[tuple[Any, ...]] = []
        self._answers = list(answers)

    def _probe(self, kind: str, address: str, statuses: Sequence[int], timeout_seconds: float) -> None:
        assert 0 < timeout_seconds <= 5
        self.asked.append((kind, address, list(statuses)))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not None:
            raise NotReady(answer)


def failures(**changes: Any) -> dict[str, str]:
    result = GateProvider().check({}, PROPS | changes)
    return {failure.property: failure.reason for failure in result.failures}


def test_create_succeeds_at_once_when_the_endpoint_serves() -> None:
    gate = ScriptedGate(None)
    result = gate.create(PROPS)
    assert result.id == "postgres:127.0.0.1:25432"
    assert result.outs == PROPS
    assert gate.time.sleeps == []


def test_create_polls_until_the_endpoint_serves() -> None:
    gate = ScriptedGate("ConnectionRefusedError", "starting up", None)
    gate.create(PROPS)
    assert gate.asked == [("postgres", "127.0.0.1:25432", [200])] * 3
    assert len(gate.time.sleeps) == 2


def test_create_fails_after_its_timeout_and_says_what_to_do() -> None:
    gate = ScriptedGate("the system is starting up")
    with pytest.raises(ProviderError) as raised:
        gate.create(PROPS)
    message = str(raised.value)
    for part in ("postgres", "127.0.0.1:25432", "10 s", "the system is starting up", "run the same command again"):
        assert part in message
    assert sum(gate.time.sleeps) < 10


def test_the_state_has_no_more_than_the_inputs() -> None:
    assert ScriptedGate(None).create(PROPS | {"__provider": "x"}).outs == PROPS


def test_refresh_leaves_a_gate_alone_even_when_the_service_is_down() -> None:
    gate = ScriptedGate("down")
    result = gate.read("an-id", PROPS)
    assert (result.id, result.outs) == ("an-id", PROPS)
    assert gate.asked == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "tcp"), ("address", "127.0.0.1:1"), ("triggers", ["container-2"]), ("expected_statuses", [204])],
)
def test_a_changed_question_is_asked_again(name: str, value: Any) -> None:
    result = GateProvider().diff("id", PROPS, PROPS | {name: value})
    assert result.changes
    assert result.replaces == [name]
    assert not result.delete_before_replace


def test_a_trigger_that_is_not_known_yet_is_a_change() -> None:
    assert GateProvider().diff("id", PROPS, PROPS | {"triggers": [UNKNOWN]}).replaces == ["triggers"]


@pytest.mark.parametrize(("name", "value"), [("timeout_seconds", 99), ("service", "pg")])
def test_a_changed_timeout_or_name_is_taken_over_without_waiting(name: str, value: Any) -> None:
    gate = ScriptedGate("down")
    news = PROPS | {name: value}
    result = gate.diff("id", PROPS, news)
    assert result.changes
    assert result.replaces == []
    assert gate.update("id", PROPS, news).outs == news
    assert gate.asked == []


def test_nothing_changed_means_no_change() -> None:
    assert GateProvider().diff("id", PROPS, dict(PROPS)).changes is False


def test_good_inputs_pass() -> None:
    assert failures() == {}
    assert failures(kind="http", address="http://127.0.0.1:28200/v1/sys/health?standbyok=true") == {}
    assert failures(address="[::1]:5432") == {}


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:1", "127.0.0.1:", "host:port", "u@h:1", ""])
def test_an_address_without_host_and_port_is_refused(address: str) -> None:
    assert "write for example 127.0.0.1:25432" in failures(address=address)["address"]


@pytest.mark.parametrize("address", ["127.0.0.1:8083", "ftp://h/", "http:///x", "http://user:pw@h/"])
def test_a_url_that_http_cannot_ask_is_refused(address: str) -> None:
    assert "write http://host:port/path" in failures(kind="http", address=address)["address"]


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    assert "tcp, http, postgres, cql, cql-tls, kafka" in failures(kind="ftp")["kind"]


@pytest.mark.parametrize("timeout_seconds", [0, -1, "soon", None])
def test_a_timeout_that_is_no_time_is_refused(timeout_seconds: Any) -> None:
    assert "above 0" in failures(timeout_seconds=timeout_seconds)["timeout_seconds"]


def test_values_that_a_preview_does_not_know_are_not_judged() -> None:
    for unknown in (UNKNOWN, Unknown()):
        assert failures(kind=unknown, address=unknown, timeout_seconds=unknown) == {}


def test_the_resource_is_registered_with_its_arguments() -> None:
    args = GateArgs(service="postgres", kind="postgres", address="127.0.0.1:25432", triggers=["id"])
    (resource,) = declared(lambda: Gate("pg", args))
    assert resource.typ == "pulumi-python:dynamic/gate:Gate"
    inputs = dict(resource.inputs)
    assert inputs.pop("__provider")
    assert inputs == {
        "service": "postgres",
        "kind": "postgres",
        "address": "127.0.0.1:25432",
        "timeout_seconds": 120,
        "expected_statuses": [200],
        "triggers": ["id"],
    }


def test_the_endpoint_itself_is_asked() -> None:
    with tcp_server(lambda _connection: None) as address:
        GateProvider().create(PROPS | {"kind": "tcp", "address": address})


# What an endpoint answers on the wire.


def ask(kind: str, address: str, statuses: Sequence[int] = (200,)) -> None:
    probe(kind, address, statuses, timeout_seconds=2)


@pytest.mark.parametrize("kind", ["tcp", "postgres", "cql", "kafka"])
def test_nobody_listening_is_not_ready(kind: str) -> None:
    with pytest.raises(NotReady, match="ConnectionRefusedError"):
        ask(kind, free_address())


def test_a_port_that_accepts_is_all_that_tcp_asks_for() -> None:
    with tcp_server(lambda _connection: None) as address:
        ask("tcp", address)


@pytest.mark.parametrize("kind", ["postgres", "cql", "kafka"])
def test_an_open_port_with_nobody_behind_it_is_not_ready(kind: str) -> None:
    with tcp_server(lambda connection: connection.shutdown(socket.SHUT_WR)) as address, pytest.raises(NotReady):
        ask(kind, address)


def test_an_open_port_that_never_answers_is_not_ready() -> None:
    def listen(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    with tcp_server(listen) as address, pytest.raises(NotReady, match="TimeoutError"):
        probe("cql", address, (), timeout_seconds=0.2)


def postgres_server(answer: bytes) -> Any:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(8) == bytes.fromhex("0000000804d2162f")
        connection.sendall(answer[:1])
        if answer[:1] == b"N":
            assert b"user\0" in connection.recv(1000)
            connection.sendall(answer[1:])

    return tcp_server(serve)


def postgres_error(code: bytes) -> bytes:
    fields = b"SFATAL\0C" + code + b"\0Mtext\0\0"
    return b"NE" + struct.pack("!i", 4 + len(fields)) + fields


@pytest.mark.parametrize(
    "answer",
    [b"NR" + struct.pack("!ii", 8, 10), postgres_error(b"28000"), b"S"],
    ids=["asks for a password", "refuses the user", "wants TLS"],
)
def test_postgresql_that_talks_to_clients_is_ready(answer: bytes) -> None:
    with postgres_server(answer) as address:
        ask("postgres", address)


def test_postgresql_that_starts_up_is_not_ready() -> None:
    with postgres_server(postgres_error(b"57P03")) as address, pytest.raises(NotReady, match="starting up"):
        ask("postgres", address)


def test_something_that_is_not_postgresql_is_not_ready() -> None:
    with postgres_server(b"NHTTP/1.1 400") as address, pytest.raises(NotReady, match="not a PostgreSQL server"):
        ask("postgres", address)


@pytest.mark.parametrize(("opcode", "ready"), [(6, True), (0, False)])
def test_cql_is_ready_when_it_answers_options_with_supported(opcode: int, ready: bool) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(9) == bytes([4, 0, 0, 0, 5, 0, 0, 0, 0])
        connection.sendall(struct.pack("!BBhBi", 0x84, 0, 0, opcode, 0))

    with tcp_server(serve) as address:
        if ready:
            ask("cql", address)
        else:
            with pytest.raises(NotReady, match="opcode 0"):
                ask("cql", address)


@pytest.mark.parametrize(("error", "ready"), [(0, True), (35, False)])
def test_kafka_is_ready_when_it_answers_api_versions(error: int, ready: bool) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(1000)[4:8] == struct.pack("!hh", 18, 0)
        connection.sendall(struct.pack("!iih", 10, 1, error))

    with tcp_server(serve) as address:
        if ready:
            ask("kafka", address)
        else:
            with pytest.raises(NotReady, match="error 35"):
                ask("kafka", address)


def test_http_is_ready_with_an_expected_status_only() -> None:
    connect = FakeConnect()
    with connect.serve() as url:
        ask("http", f"{url}/connectors")
        ask("http", f"{url}/nothing", (404,))
        connect.next_answers = [(404, None)]
        with pytest.raises(NotReady, match="HTTP status 404 instead of 200 or 204"):
            ask("http", f"{url}/connectors", (200, 204))


def test_http_that_does_not_answer_is_not_ready() -> None:
    with pytest.raises(NotReady, match="ConnectError"):
        ask("http", f"http://{free_address()}/")


def test_a_proxy_is_not_asked_about_this_machine() -> None:
    assert not honours_proxies("http://127.0.0.1:8083")
    assert honours_proxies("https://connect.example.org")


def test_addresses_are_split_into_host_and_port() -> None:
    assert split_address("kafka-1:9092") == ("kafka-1", 9092)
    assert split_address("[::1]:9092") == ("::1", 9092)
