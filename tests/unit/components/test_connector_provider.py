from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pulumi.dynamic import Config, ConfigureRequest, CreateResult, ReadResult, UpdateResult
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from components.kafka_connect.configs import AvroConverterConfig, ReplicatedTable, ScyllaSourceConfig
from components.kafka_connect.connector import Connector, ConnectorArgs, ConnectorProvider
from components.kafka_connect.property_names import CONFLUENT_SINK, RESILIENT_SINK
from components.provider_errors import ProviderError
from tests.doubles import FakeClock, FakeConnect
from tests.unit.components.mock_engine import declared

PROPS: dict[str, Any] = {
    "name": "postgres-sink",
    "connect_url": "http://127.0.0.1:28083",
    "connector_class": RESILIENT_SINK,
    "tasks_max": 1.0,  # the engine knows floating point numbers only
    "config": {"topics": "cdc.shop.users", "batch.size": "3000"},
    "timeout_seconds": 60.0,
}
STATE = PROPS | {"state": "RUNNING", "__provider": "p"}


class Scripted(ConnectorProvider):
    """The provider in front of a fake Connect."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeConnect()
        self.transport = self.fake.transport()  # type: ignore[misc]
        self.time = FakeClock()
        self.clock = self.time  # type: ignore[misc]


@pytest.fixture
def provider() -> Scripted:
    return Scripted()


@pytest.fixture
def deployed(provider: Scripted) -> Scripted:
    provider.create(PROPS)
    provider.fake.requests.clear()
    provider.time.sleeps.clear()
    return provider


def outs(result: CreateResult | ReadResult | UpdateResult) -> dict[str, Any]:
    """The state that a call leaves."""
    assert result.outs is not None
    return result.outs


def changed(**config: str) -> dict[str, Any]:
    return PROPS | {"config": PROPS["config"] | config}


def failures(news: dict[str, Any]) -> dict[str, str]:
    return {failure.property: failure.reason for failure in ConnectorProvider().check({}, news).failures}


# check


def test_good_inputs_pass_and_are_all_that_is_kept() -> None:
    result = ConnectorProvider().check({}, PROPS | {"state": None})
    assert result.failures == []
    assert result.inputs == PROPS


def test_values_are_kept_as_the_text_that_connect_stores() -> None:
    result = ConnectorProvider().check({}, changed() | {"config": {"delete.enabled": True, "batch.size": 3000}})
    assert result.inputs["config"] == {"delete.enabled": "true", "batch.size": "3000"}


def test_a_foreign_property_is_refused_by_name() -> None:
    found = failures(changed(**{"pk.mode": "record_key"}))
    assert found == {
        'config["pk.mode"]': f"pk.mode belongs to {CONFLUENT_SINK}, not to {RESILIENT_SINK}; write primary.key.mode"
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "is no connector name"),
        ({"name": "a/b"}, "is no connector name"),
        ({"connect_url": "127.0.0.1:28083"}, "write for example http://127.0.0.1:28083"),
        ({"connect_url": "http://u:hunter2@h"}, "no credentials"),
        ({"connect_url": "http://h:port"}, "is no URL"),
        ({"connector_class": ""}, "full name of the connector's Java class"),
        ({"tasks_max": 0}, "not a number of 1 or more"),
        ({"timeout_seconds": "soon"}, "not a number of 1 or more"),
        ({"config": None}, "is not a map"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], message: str) -> None:
    found = failures(PROPS | change)
    (name,) = change
    assert message in found[name]
    assert "hunter2" not in found[name]


@pytest.mark.parametrize("unknown", [UNKNOWN, Unknown()])
def test_what_a_preview_does_not_know_is_not_judged(unknown: Any) -> None:
    assert failures(dict.fromkeys(PROPS, unknown)) == {}
    assert failures(changed(topics=unknown)) == {}
    assert ConnectorProvider().check({}, changed(topics=unknown)).inputs["config"]["topics"] is unknown


# diff


def test_nothing_changed_means_no_change() -> None:
    result = ConnectorProvider().diff("postgres-sink", STATE, PROPS | {"tasks_max": 1, "__provider": "p"})
    assert (result.changes, result.replaces) == (False, [])


@pytest.mark.parametrize(
    "change", [{"config": {"topics": "other"}}, {"tasks_max": 2}, {"connect_url": "http://h"}, {"timeout_seconds": 9}]
)
def test_most_changes_are_updates(change: dict[str, Any]) -> None:
    result = ConnectorProvider().diff("postgres-sink", STATE, STATE | change)
    assert (result.changes, result.replaces) == (True, [])


def test_another_class_under_the_same_name_deletes_the_old_connector_first() -> None:
    result = ConnectorProvider().diff("postgres-sink", STATE, STATE | {"connector_class": CONFLUENT_SINK})
    assert (result.replaces, result.delete_before_replace) == (["connector_class"], True)


def test_another_name_is_another_connector() -> None:
    result = ConnectorProvider().diff("postgres-sink", STATE, STATE | {"name": "sink-2"})
    assert (result.replaces, result.delete_before_replace) == (["name"], False)


@pytest.mark.parametrize("state", ["FAILED: connector RUNNING, task 0 FAILED: x", "PAUSED", "no status yet"])
def test_a_connector_that_does_not_run_is_put_right_by_an_update(state: str) -> None:
    result = ConnectorProvider().diff("postgres-sink", STATE | {"state": state}, STATE)
    assert (result.changes, result.replaces) == (True, [])


def test_a_moved_provider_class_is_taken_over_into_the_state() -> None:
    assert ConnectorProvider().diff("postgres-sink", STATE, STATE | {"__provider": "q"}).changes


# create


def test_create_puts_the_configuration_and_waits_until_it_runs(provider: Scripted) -> None:
    result = provider.create(PROPS | {"__provider": "p"})
    assert result.id == "postgres-sink"
    assert result.outs == PROPS | {"state": "RUNNING"}
    assert provider.fake.configs["postgres-sink"] == {
        "name": "postgres-sink",
        "connector.class": RESILIENT_SINK,
        "tasks.max": "1",
        **PROPS["config"],
    }
    assert sum(provider.time.sleeps) == 1


def test_create_takes_over_a_connector_that_is_there_already(deployed: Scripted) -> None:
    assert deployed.create(PROPS).outs == PROPS | {"state": "RUNNING"}
    assert not [request for request in deployed.fake.requests if not request.startswith("GET")]


def test_create_takes_over_a_connector_with_another_configuration(deployed: Scripted) -> None:
    deployed.create(changed(topics="other"))
    assert deployed.fake.configs["postgres-sink"]["topics"] == "other"


def test_a_sink_is_waited_for_with_all_its_tasks(provider: Scripted) -> None:
    provider.create(PROPS | {"tasks_max": 3})
    assert provider.fake.configs["postgres-sink"]["tasks.max"] == "3"
    provider.fake.task_states["postgres-sink"].pop()
    with pytest.raises(ProviderError, match="not running after 60 s"):
        provider.create(PROPS | {"tasks_max": 3})


def test_a_source_may_have_work_for_fewer_tasks(provider: Scripted) -> None:
    provider.create(PROPS | {"connector_class": "org.x.Source", "tasks_max": 3})
    provider.fake.task_states["postgres-sink"].pop()
    assert outs(provider.create(PROPS | {"connector_class": "org.x.Source", "tasks_max": 3}))["state"] == "RUNNING"


def test_a_connector_that_fails_fails_with_its_message_and_stays(provider: Scripted) -> None:
    provider.fake.trace_for_new_tasks = "org.x.ConnectException: relation public.users does not exist\n\tat x"
    with pytest.raises(ProviderError, match=r"postgres-sink failed.*relation public.users does not exist"):
        provider.create(PROPS)
    assert "postgres-sink" in provider.fake.configs


def test_the_next_deployment_restarts_what_failed(provider: Scripted) -> None:
    provider.fake.trace_for_new_tasks = "org.x.ConnectException: no\n\tat x"
    with pytest.raises(ProviderError):
        provider.create(PROPS)
    provider.fake.trace_for_new_tasks = None
    assert outs(provider.create(PROPS))["state"] == "RUNNING"
    assert "POST /connectors/postgres-sink/restart?includeTasks=true&onlyFailed=true" in provider.fake.requests


def test_a_refused_configuration_fails_with_connects_message(provider: Scripted) -> None:
    refusal = (400, {"error_code": 400, "message": "Connector configuration is invalid: topics"})
    provider.fake.next_answers = [(404, {"error_code": 404, "message": "not found"}), refusal]
    with pytest.raises(ProviderError, match=r"connector postgres-sink \(cdc.connect.*was refused.*invalid: topics"):
        provider.create(PROPS)


def test_a_rebalance_on_the_way_is_waited_out(provider: Scripted) -> None:
    conflict = (409, {"error_code": 409, "message": "rebalance"})
    provider.fake.next_answers = [conflict, (404, {"error_code": 404, "message": "x"}), conflict]
    assert outs(provider.create(PROPS))["state"] == "RUNNING"


# read


def test_refresh_of_an_untouched_connector_changes_nothing(deployed: Scripted) -> None:
    result = deployed.read("postgres-sink", STATE)
    assert (result.id, result.outs, result.inputs) == ("postgres-sink", PROPS | {"state": "RUNNING"}, PROPS)
    assert deployed.diff("postgres-sink", outs(result) | {"__provider": "p"}, STATE).changes is False


def test_refresh_shows_what_was_changed_by_hand(deployed: Scripted) -> None:
    config = deployed.fake.configs["postgres-sink"]
    config.update({"topics": "other", "tasks.max": "2", "errors.tolerance": "all"})
    result = deployed.read("postgres-sink", STATE)
    assert outs(result)["config"] == {**PROPS["config"], "topics": "other", "errors.tolerance": "all"}
    assert outs(result)["tasks_max"] == 2
    assert deployed.diff("postgres-sink", outs(result), STATE).changes


def test_refresh_of_a_deleted_connector_says_that_it_is_gone(provider: Scripted) -> None:
    result = provider.read("postgres-sink", STATE)
    assert (result.id, result.outs) == (None, {})


def test_refresh_shows_a_failed_task_with_its_reason(deployed: Scripted) -> None:
    deployed.fake.fail_task("postgres-sink", "org.x.E: broken\n\tat x")
    state = outs(deployed.read("postgres-sink", STATE))["state"]
    assert state == "FAILED: connector RUNNING, task 0 FAILED: E: broken"


@pytest.mark.parametrize("task_state", ["RESTARTING", "UNASSIGNED"])
def test_a_task_that_is_being_moved_is_no_drift(deployed: Scripted, task_state: str) -> None:
    deployed.fake.task_states["postgres-sink"][0]["state"] = task_state
    assert outs(deployed.read("postgres-sink", STATE))["state"] == "RUNNING"


def test_a_connector_without_a_status_is_there_all_the_same(deployed: Scripted) -> None:
    config = deployed.fake.configs["postgres-sink"]
    deployed.fake.next_answers = [(200, config), (404, {"error_code": 404, "message": "No status found"})]
    result = deployed.read("postgres-sink", STATE)
    assert (result.id, outs(result)["state"]) == ("postgres-sink", "no status yet")


def test_an_import_is_answered_with_what_to_do_instead(provider: Scripted) -> None:
    with pytest.raises(ProviderError, match="cannot be imported; deploy it, which takes over"):
        provider.read("postgres-sink", {})


# update


def test_update_puts_the_change_and_watches_the_new_tasks_for_longer(deployed: Scripted) -> None:
    result = deployed.update("postgres-sink", STATE, changed(topics="other"))
    assert deployed.fake.configs["postgres-sink"]["topics"] == "other"
    assert result.outs == changed(topics="other") | {"state": "RUNNING"}
    assert sum(deployed.time.sleeps) == deployed.stable_after_change_seconds


def test_an_update_into_failure_is_not_hidden_by_the_old_tasks(deployed: Scripted) -> None:
    running, failed = ({"id": 0, "state": state, "worker_id": "w"} for state in ("RUNNING", "FAILED"))
    status = {"name": "postgres-sink", "connector": {"state": "RUNNING"}}
    seen = [(200, status | {"tasks": [task]}) for task in [running] * 8 + [failed] * 3]
    config = deployed.fake.configs["postgres-sink"]
    deployed.fake.next_answers = [(200, config), (200, status | {"tasks": [running]}), (200, config), *seen]
    with pytest.raises(ProviderError, match="postgres-sink failed: connector RUNNING, task 0 FAILED"):
        deployed.update("postgres-sink", STATE, changed(topics="other"))


def test_update_restarts_failed_tasks_of_an_unchanged_connector(deployed: Scripted) -> None:
    deployed.fake.fail_task("postgres-sink", "org.x.E: broken\n\tat x")
    assert outs(deployed.update("postgres-sink", STATE, PROPS))["state"] == "RUNNING"
    assert not [request for request in deployed.fake.requests if request.startswith("PUT")]


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED"])
def test_update_resumes_a_connector_that_was_paused_by_hand(deployed: Scripted, state: str) -> None:
    deployed.fake.states["postgres-sink"] = state
    assert outs(deployed.read("postgres-sink", STATE))["state"] == state
    deployed.update("postgres-sink", STATE, PROPS)
    assert "PUT /connectors/postgres-sink/resume" in deployed.fake.requests


def test_update_creates_a_connector_that_was_deleted_by_hand(provider: Scripted) -> None:
    provider.update("postgres-sink", STATE, PROPS)
    assert "postgres-sink" in provider.fake.configs


def test_update_finds_a_connector_whose_status_is_not_written_yet(deployed: Scripted) -> None:
    config = deployed.fake.configs["postgres-sink"]
    deployed.fake.next_answers = [(200, config), (404, {"error_code": 404, "message": "No status found"})]
    assert outs(deployed.update("postgres-sink", STATE, PROPS))["state"] == "RUNNING"


# delete


def test_delete_removes_the_connector_and_nothing_else(deployed: Scripted) -> None:
    deployed.create(PROPS | {"name": "other"})
    deployed.delete("postgres-sink", STATE)
    assert set(deployed.fake.configs) == {"other"}


def test_delete_of_a_missing_connector_is_done(provider: Scripted) -> None:
    provider.delete("postgres-sink", STATE)


# credentials


def configured(values: dict[str, Any]) -> Scripted:
    provider = Scripted()
    raw = {f"scylla-pg-cdc:{key}": value for key, value in values.items()}
    provider.configure(ConfigureRequest(Config(raw, "scylla-pg-cdc")))
    return provider


def test_credentials_come_from_the_stacks_config_and_stay_out_of_the_state() -> None:
    provider = configured({"connectUser": "admin", "connectPassword": "hunter2"})
    result = provider.create(PROPS)
    assert provider.fake.headers[0]["authorization"].startswith("Basic ")
    assert "hunter2" not in str(result.outs)


@pytest.mark.parametrize("values", [{}, {"connectUser": "admin"}])
def test_without_both_credentials_none_are_sent(values: dict[str, str]) -> None:
    provider = configured(values)
    provider.create(PROPS)
    assert "authorization" not in provider.fake.headers[0]


def test_errors_leave_without_traceback_of_their_causes(provider: Scripted) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    provider.transport = httpx.MockTransport(refuse)  # type: ignore[misc]
    calls: list[Callable[[], object]] = [
        lambda: provider.create(PROPS),
        lambda: provider.read("postgres-sink", STATE),
        lambda: provider.update("postgres-sink", STATE, PROPS),
        lambda: provider.delete("postgres-sink", STATE),
    ]
    for call in calls:
        with pytest.raises(ProviderError, match="does not answer") as raised:
            call()
        assert raised.value.__suppress_context__


# the resource


def test_arguments_can_be_made_from_a_typed_configuration() -> None:
    config = ScyllaSourceConfig(
        topic_prefix="cdc",
        contact_points=("scylla:9042",),
        tables=(ReplicatedTable("shop.users", "public.users", ("id",)),),
        converter=AvroConverterConfig("http://schema-registry:8081", auto_register=True),
        offsets_topic="cdc-source-offsets",
    )
    args = ConnectorArgs.of("scylla-source", "http://127.0.0.1:28083", config)
    assert args.connector_class == "com.scylladb.cdc.debezium.connector.ScyllaConnector"
    assert (args.tasks_max, args.config) == (1, config.to_config())


def test_the_resource_is_registered_with_its_arguments() -> None:
    args = ConnectorArgs("postgres-sink", "http://h:8083", RESILIENT_SINK, 1, {"topics": "t"})
    (resource,) = declared(lambda: Connector("sink", args))
    assert resource.typ == "pulumi-python:dynamic/kafka-connect:Connector"
    assert resource.inputs["config"] == {"topics": "t"}
    assert "state" not in resource.inputs
