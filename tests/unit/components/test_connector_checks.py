import re
from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN

from components.kafka_connect.checks import config_problems
from components.kafka_connect.property_names import CONFLUENT_SINK, DEBEZIUM_SINK, RESILIENT_SINK, SCYLLA_SOURCE

SOURCE = {
    "cdc.output.format": "advanced",
    "cdc.include.after": "full",
    "cdc.include.primary-key.placement": "kafka-key,payload-after,payload-before",
}
REFERENCE = "${file:/vault/secrets/postgres.properties:password}"


def problems(connector_class: str, config: dict[str, Any]) -> dict[str, str]:
    base = SOURCE if connector_class == SCYLLA_SOURCE else {}
    return dict(config_problems(connector_class, base | config))


@pytest.mark.parametrize(
    ("connector_class", "key", "message"),
    [
        (RESILIENT_SINK, "pk.mode", f"belongs to {CONFLUENT_SINK}, not to {RESILIENT_SINK}; write primary.key.mode"),
        (DEBEZIUM_SINK, "connection.user", "; write connection.username"),
        (DEBEZIUM_SINK, "auto.create", "; write schema.evolution"),
        (CONFLUENT_SINK, "primary.key.mode", f"belongs to {RESILIENT_SINK} and {DEBEZIUM_SINK}"),
        (CONFLUENT_SINK, "scylla.table.names", f"belongs to {SCYLLA_SOURCE}, not to"),
        (SCYLLA_SOURCE, "topics", "belongs to"),
        (SCYLLA_SOURCE, "errors.deadletterqueue.topic.name", "has no dead letter queue for sources"),
        (SCYLLA_SOURCE, "scylla.name", "is no property of .* nor of Kafka Connect; write topic.prefix"),
        (SCYLLA_SOURCE, "scylla.table.name", "did you mean scylla.table.names?"),
        (RESILIENT_SINK, "exactly.once.support", f"belongs to {SCYLLA_SOURCE}"),
        (RESILIENT_SINK, "nonsense", "is no property of cdc.connect.ResilientJdbcSink nor of Kafka Connect"),
        (RESILIENT_SINK, "hibernate.", "is no property"),
    ],
)
def test_a_property_the_class_does_not_have_is_refused(connector_class: str, key: str, message: str) -> None:
    reason = problems(connector_class, {key: "x"})[key]
    assert message in reason or re.search(message, reason)


@pytest.mark.parametrize(
    ("key", "argument"), [("name", "name"), ("connector.class", "connector_class"), ("tasks.max", "tasks_max")]
)
def test_reserved_keys_are_arguments(key: str, argument: str) -> None:
    for connector_class in (SCYLLA_SOURCE, RESILIENT_SINK, "org.x.Unknown"):
        assert f"set the argument {argument}" in problems(connector_class, {key: "1"})[key]


@pytest.mark.parametrize(
    "key",
    [
        "hibernate.c3p0.acquireRetryAttempts",
        "consumer.override.max.poll.records",
        "key.converter.schema.registry.url",
        "table.name.format",
        "field.exclude.list",
    ],
)
def test_what_the_class_has_is_accepted(key: str) -> None:
    assert problems(RESILIENT_SINK, {key: "x"}) == {}


def test_names_of_an_unknown_class_are_not_judged() -> None:
    assert problems("org.x.Unknown", {"anything": "x", "errors.tolerance": "all"}) == {}


@pytest.mark.parametrize(
    ("connector_class", "key"),
    [
        (RESILIENT_SINK, "connection.password"),
        (SCYLLA_SOURCE, "scylla.ssl.truststore.password"),
        ("org.x.Unknown", "aws.secret.access.key"),
        ("org.x.Unknown", "api.token"),
        (RESILIENT_SINK, "consumer.override.sasl.jaas.config"),
        (RESILIENT_SINK, "value.converter.basic.auth.user.info"),
    ],
)
def test_a_secret_in_clear_is_refused_and_not_repeated(connector_class: str, key: str) -> None:
    reason = problems(connector_class, {key: "hunter2"})[key]
    assert "secret in clear" in reason
    assert "${file:/vault/secrets/" in reason
    assert "hunter2" not in reason
    assert problems(connector_class, {key: REFERENCE}) == {}
    assert problems(connector_class, {key: UNKNOWN}) == {}


def test_a_reference_with_clear_text_around_it_is_refused() -> None:
    assert problems(RESILIENT_SINK, {"connection.password": f"x{REFERENCE}"})


@pytest.mark.parametrize(
    "url",
    ["jdbc:postgresql://h/db?password=hunter2", "jdbc:postgresql://u:hunter2@h/db", "http://u:hunter2@registry:8081"],
)
def test_a_password_inside_a_url_is_refused(url: str) -> None:
    reason = problems(RESILIENT_SINK, {"connection.url": url})["connection.url"]
    assert "password inside a URL" in reason
    assert "hunter2" not in reason


def test_paths_of_key_files_and_key_settings_are_no_secrets() -> None:
    config = {"scylla.ssl.openssl.privateKey": "/tls/key.pem", "cdc.include.primary-key.payload-key-name": "key"}
    assert problems(SCYLLA_SOURCE, config) == {}


def test_a_transform_that_is_not_in_the_list_is_refused() -> None:
    config = {"transforms": "fit, route", "transforms.fit.type": "x", "transforms.rout.type": "y"}
    assert problems(RESILIENT_SINK, config) == {
        "transforms.rout.type": "configures 'rout', which is not listed in transforms"
    }


@pytest.mark.parametrize(
    ("connector_class", "config", "key", "message"),
    [
        (SCYLLA_SOURCE, {"errors.tolerance": "all"}, "errors.tolerance", "skipped silently"),
        (SCYLLA_SOURCE, {"exactly.once.support": "required"}, "exactly.once.support", "write requested"),
        (SCYLLA_SOURCE, {"cdc.output.format": "legacy"}, "cdc.output.format", "must be advanced"),
        (SCYLLA_SOURCE, {"cdc.include.after": "only-updated"}, "cdc.include.after", "must be full"),
        (SCYLLA_SOURCE, {"cdc.include.before": "full"}, "cdc.include.before", "must be none"),
        (
            SCYLLA_SOURCE,
            {"cdc.include.primary-key.placement": ""},
            "cdc.include.primary-key.placement",
            "write kafka-key,payload-after,payload-before",
        ),
        (
            RESILIENT_SINK,
            {"errors.deadletterqueue.topic.name": "dlq", "errors.tolerance": "none"},
            "errors.tolerance",
            "must be all",
        ),
        (
            DEBEZIUM_SINK,
            {"connection.url": "jdbc:postgresql://h/d?reWriteBatchedInserts=true", "use.reduction.buffer": False},
            "use.reduction.buffer",
            "two changes of a row in one batch fail",
        ),
    ],
)
def test_settings_that_lose_data_or_stop_the_connector_are_refused(
    connector_class: str, config: dict[str, Any], key: str, message: str
) -> None:
    assert message in problems(connector_class, config)[key]


def test_the_same_settings_done_right_are_accepted() -> None:
    assert problems(SCYLLA_SOURCE, {"errors.tolerance": "none", "exactly.once.support": "requested"}) == {}
    url = "jdbc:postgresql://h/d?reWriteBatchedInserts=true"
    assert problems(DEBEZIUM_SINK, {"connection.url": url, "use.reduction.buffer": True}) == {}
    assert problems(CONFLUENT_SINK, {"errors.deadletterqueue.topic.name": "d", "errors.tolerance": "all"}) == {}


def test_what_a_preview_does_not_know_is_not_judged_but_names_are() -> None:
    config = {"cdc.output.format": UNKNOWN, "cdc.include.after": Unknown(), "pk.mode": Unknown()}
    assert set(dict(config_problems(SCYLLA_SOURCE, config))) == {"pk.mode"}
