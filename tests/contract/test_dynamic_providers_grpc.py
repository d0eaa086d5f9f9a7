from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from components.gate import GateProvider
from components.kafka_connect.connector import ConnectorProvider
from components.kafka_connect.property_names import CONFLUENT_SINK, RESILIENT_SINK
from tests.contract.connect_providers import ImpatientConnectorProvider
from tests.contract.dynamic_server import DynamicServer, pickled
from tests.doubles import FakeConnect, free_address

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
NAME = "postgres-sink"


def connector(url: str, **config: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "connect_url": url,
        "connector_class": RESILIENT_SINK,
        "tasks_max": 1,
        "config": {"topics": "cdc.shop.users"} | config,
        "timeout_seconds": 20,
    }


def gate(address: str, timeout_seconds: int = 20) -> dict[str, Any]:
    return {
        "service": "connect",
        "kind": "http",
        "address": address,
        "timeout_seconds": timeout_seconds,
        "expected_statuses": [200],
        "triggers": ["container-1"],
    }


@pytest.mark.parametrize("provider", [ConnectorProvider(), GateProvider()], ids=lambda p: type(p).__name__)
def test_a_provider_is_pickled_by_reference_and_without_secrets(provider: Any) -> None:
    assert len(pickled(provider)) < 200
    assert pickled(provider) == pickled(type(provider)())
    assert provider.serialize_as_secret_always is False


def test_a_connector_lives_through_its_whole_life(dynamic_server: DynamicServer) -> None:
    provider, fake = ImpatientConnectorProvider(), FakeConnect()
    dynamic_server.configure({})
    with fake.serve() as url:
        inputs, failures = dynamic_server.check(provider, connector(url))
        assert failures == {}
        id_, state = dynamic_server.create(provider, inputs)
        assert (id_, state) == (NAME, connector(url) | {"state": "RUNNING"})

        assert dynamic_server.read(provider, id_, state) == (NAME, state)
        assert dynamic_server.diff(provider, id_, state, inputs).changes == NONE

        fake.configs[NAME]["topics"] = "changed.by.hand"
        id_, drifted = dynamic_server.read(provider, id_, state)
        assert drifted["config"]["topics"] == "changed.by.hand"
        diff = dynamic_server.diff(provider, id_, drifted, inputs)
        assert (diff.changes, list(diff.replaces)) == (SOME, [])

        assert dynamic_server.update(provider, id_, drifted, inputs) == state
        assert fake.configs[NAME]["topics"] == "cdc.shop.users"

        dynamic_server.delete(provider, id_, state)
        assert fake.configs == {}
        dynamic_server.delete(provider, id_, state)


def test_a_connector_deleted_by_hand_is_reported_as_gone(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    with FakeConnect().serve() as url:
        id_, state = dynamic_server.read(ConnectorProvider(), NAME, connector(url))
    assert (id_, state) == ("", {})


def test_another_class_replaces_the_connector_and_deletes_it_first(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    olds = connector("http://127.0.0.1:1")
    diff = dynamic_server.diff(ConnectorProvider(), NAME, olds, olds | {"connector_class": CONFLUENT_SINK})
    assert (diff.changes, list(diff.replaces), diff.deleteBeforeReplace) == (SOME, ["connector_class"], True)


def test_check_failures_name_property_and_class_and_need_no_network(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    news = connector("http://127.0.0.1:1", **{"pk.mode": "record_key", "connection.password": "hunter2"})
    _, failures = dynamic_server.check(ConnectorProvider(), news)
    assert set(failures) == {'config["pk.mode"]', 'config["connection.password"]'}
    assert CONFLUENT_SINK in failures['config["pk.mode"]']
    assert "hunter2" not in str(failures)


def test_values_unknown_in_a_preview_pass_check_and_count_as_changes(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    olds = connector("http://127.0.0.1:1")
    news = olds | {"connect_url": UNKNOWN, "config": {"topics": UNKNOWN}}
    inputs, failures = dynamic_server.check(ConnectorProvider(), news)
    assert failures == {}
    assert inputs["config"] == {"topics": UNKNOWN}
    assert dynamic_server.diff(ConnectorProvider(), NAME, olds, inputs).changes == SOME


def test_a_failing_connector_fails_the_call_with_its_message_and_no_row_values(dynamic_server: DynamicServer) -> None:
    fake = FakeConnect()
    fake.trace_for_new_tasks = (
        "org.x.ConnectException: Exiting\n\tat x\nCaused by: E: INSERT INTO t VALUES ('Ada')\n\tat y"
    )
    dynamic_server.configure({})
    with fake.serve() as url:
        error = dynamic_server.error_of(lambda: dynamic_server.create(ConnectorProvider(), connector(url)))
    assert f"connector {NAME} failed" in error
    assert "root cause: E: INSERT INTO t VALUES (***)" in error
    assert "Ada" not in error
    assert NAME in fake.configs


def test_credentials_of_the_stack_reach_connect_and_neither_state_nor_error(dynamic_server: DynamicServer) -> None:
    fake = FakeConnect()
    dynamic_server.configure({"connectUser": "admin", "connectPassword": "hunter2"})
    with fake.serve() as url:
        _, state = dynamic_server.create(ConnectorProvider(), connector(url))
        fake.next_answers = [(401, {"error_code": 401, "message": "no"})]
        error = dynamic_server.error_of(lambda: dynamic_server.delete(ConnectorProvider(), NAME, state))
    assert {headers.get("authorization", "")[:6] for headers in fake.headers} == {"Basic "}
    assert "hunter2" not in str(state) + error
    assert "set connectUser and connectPassword" in error


def test_a_gate_lives_through_its_whole_life(dynamic_server: DynamicServer) -> None:
    provider, fake = GateProvider(), FakeConnect()
    dynamic_server.configure({})
    with fake.serve() as url:
        address = f"{url}/connectors"
        inputs, failures = dynamic_server.check(provider, gate(address))
        assert failures == {}
        fake.next_answers = [(404, None)]  # as a worker answers right after its start
        id_, state = dynamic_server.create(provider, inputs)
        assert (id_, state) == (f"http:{address}", gate(address))
        assert fake.requests == ["GET /connectors"] * 2
    assert dynamic_server.read(provider, id_, state) == (id_, state)
    assert dynamic_server.diff(provider, id_, state, inputs).changes == NONE
    later = inputs | {"timeout_seconds": 99}
    assert list(dynamic_server.diff(provider, id_, state, later).replaces) == []
    assert dynamic_server.update(provider, id_, state, later) == later
    moved = dynamic_server.diff(provider, id_, state, inputs | {"triggers": ["container-2"]})
    assert (moved.changes, list(moved.replaces), moved.deleteBeforeReplace) == (SOME, ["triggers"], False)
    dynamic_server.delete(provider, id_, state)


def test_a_gate_that_does_not_open_says_which_service_and_what_to_do(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    address = f"http://{free_address()}/connectors"
    error = dynamic_server.error_of(lambda: dynamic_server.create(GateProvider(), gate(address, timeout_seconds=1)))
    for part in ("connect at", address, "within 1 s", "Connection refused", "run the same command again"):
        assert part in error
