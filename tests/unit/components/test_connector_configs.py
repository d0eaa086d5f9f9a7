import re
from typing import Any

import pytest

from components.kafka_connect.checks import config_problems
from components.kafka_connect.configs import (
    AvroConverterConfig,
    ConfluentJdbcSinkConfig,
    ConnectorConfig,
    DebeziumJdbcSinkConfig,
    JdbcTarget,
    ReplicatedTable,
    ScyllaSourceConfig,
)

USERS = ReplicatedTable("shop.users", "public.users", ("id",))
ORDERS = ReplicatedTable("shop.orders", "sales.orders", ("customer_id",), ("order_id",))
REGISTRY = "http://schema-registry:8081"
WRITES = AvroConverterConfig(REGISTRY, auto_register=True)
READS = AvroConverterConfig(REGISTRY, auto_register=False)
TARGET = JdbcTarget(host="postgres", port=5432, database="warehouse")


def source(**changes: Any) -> ScyllaSourceConfig:
    values: dict[str, Any] = {
        "topic_prefix": "cdc",
        "contact_points": ("scylla:9042", "scylla-2:9042"),
        "tables": (USERS, ORDERS),
        "converter": WRITES,
        "offsets_topic": "cdc-source-offsets",
    }
    return ScyllaSourceConfig(**(values | changes))


def sink_values(**changes: Any) -> dict[str, Any]:
    return {
        "target": TARGET,
        "topic_prefix": "cdc",
        "tables": (USERS, ORDERS),
        "converter": READS,
        "dlq_topic": "dlq-postgres-sink",
        "dlq_replication_factor": 1,
    } | changes


def debezium(**changes: Any) -> DebeziumJdbcSinkConfig:
    return DebeziumJdbcSinkConfig(**sink_values(**changes))


def confluent(**changes: Any) -> ConfluentJdbcSinkConfig:
    return ConfluentJdbcSinkConfig(**sink_values(**changes))


ALL = pytest.mark.parametrize(
    "config",
    [make(traced=traced) for make in (source, debezium, confluent) for traced in (False, True)],
    ids=lambda config: f"{type(config).__name__}{'-traced' if config.traced else ''}",
)


@ALL
def test_a_typed_config_passes_the_checks_of_the_connector_resource(config: ConnectorConfig) -> None:
    assert config_problems(config.connector_class, config.to_config()) == []


@ALL
def test_a_typed_config_has_only_text_and_no_reserved_property(config: ConnectorConfig) -> None:
    properties = config.to_config()
    texts: list[object] = list(properties.values())
    assert all(isinstance(text, str) and text for text in texts)
    assert not {"name", "connector.class", "tasks.max"} & set(properties)


def test_traces_begin_at_the_source_before_any_other_transform() -> None:
    assert source(traced=True).to_config().items() - source().to_config().items() == {
        ("transforms", "trace"),
        ("transforms.trace.type", "cdc.connect.TraceRow"),
    }


@pytest.mark.parametrize("make", [debezium, confluent])
def test_headers_of_traced_records_are_read_as_text(make: Any) -> None:
    assert make(traced=True).to_config().items() - make().to_config().items() == {
        ("header.converter", "org.apache.kafka.connect.storage.StringConverter"),
    }


def test_the_source_keeps_its_offsets_in_a_topic_of_its_own() -> None:
    assert source().to_config()["offsets.storage.topic"] == "cdc-source-offsets"


def test_an_offsets_topic_that_kafka_would_refuse_is_named() -> None:
    with pytest.raises(ValueError, match="offsets_topic"):
        source(offsets_topic="no topic")


@ALL
def test_secrets_are_references_to_rendered_files(config: ConnectorConfig) -> None:
    for key, value in config.to_config().items():
        if re.search(r"password|user", key):
            assert re.fullmatch(r"\$\{file:/vault/secrets/(scylla|postgres)\.properties:(username|password)\}", value)


@ALL
def test_converters_retry_around_confluents_avro(config: ConnectorConfig) -> None:
    properties = config.to_config()
    for side in ("key", "value"):
        assert properties[f"{side}.converter"] == "cdc.connect.RetryingConverter"
        assert properties[f"{side}.converter.delegate"] == "io.confluent.connect.avro.AvroConverter"
        assert properties[f"{side}.converter.schema.registry.url"] == REGISTRY


# The source.


def test_the_source_reads_whole_rows_of_all_tables() -> None:
    expected = {
        "topic.prefix": "cdc",
        "scylla.cluster.ip.addresses": "scylla:9042,scylla-2:9042",
        "scylla.table.names": "shop.users,shop.orders",
        "cdc.output.format": "advanced",
        "cdc.include.after": "full",
        "cdc.include.before": "none",
        "cdc.include.primary-key.placement": "kafka-key,payload-after,payload-before",
        "exactly.once.support": "requested",
        "transaction.boundary": "poll",
        "errors.tolerance": "none",
        "key.converter.auto.register.schemas": "true",
    }
    assert expected.items() <= source().to_config().items()


def test_windows_are_what_was_asked_for_in_milliseconds() -> None:
    properties = source(window_size_ms=250, confidence_window_ms=100, heartbeat_interval_ms=3000).to_config()
    assert properties["scylla.query.time.window.size"] == "250"
    assert properties["scylla.confidence.window.size"] == "100"
    assert properties["heartbeat.interval.ms"] == "3000"


def test_the_source_has_no_dead_letter_queue() -> None:
    assert not [key for key in source().to_config() if "deadletter" in key]


def test_a_data_centre_is_preferred_only_when_one_is_named() -> None:
    assert "scylla.local.dc" not in source().to_config()
    assert source(datacenter="dc1").to_config()["scylla.local.dc"] == "dc1"


# The sinks.


@pytest.mark.parametrize("config", [debezium(), confluent()])
def test_a_sink_upserts_and_deletes_by_key_and_keeps_bad_records(config: ConnectorConfig) -> None:
    expected = {
        "topics": "cdc.shop.users,cdc.shop.orders",
        "insert.mode": "upsert",
        "delete.enabled": "true",
        "consumer.override.isolation.level": "read_committed",
        "consumer.override.session.timeout.ms": "10000",
        "consumer.override.max.poll.interval.ms": "1800000",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dlq-postgres-sink",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
        "value.converter.auto.register.schemas": "false",
    }
    assert expected.items() <= config.to_config().items()


def test_a_poll_brings_as_many_records_as_a_batch_holds() -> None:
    properties = debezium(batch_size=500).to_config()
    assert properties["batch.size"] == properties["consumer.override.max.poll.records"] == "500"


def test_the_debezium_sink_maps_source_to_target_tables() -> None:
    properties = debezium().to_config()
    assert properties["transforms.fit.tables"] == "shop.users=public.users,shop.orders=sales.orders"
    assert properties["collection.name.format"] == "${source.keyspace_name}.${source.table_name}"


def test_batches_are_rewritten_only_together_with_the_reduction_buffer() -> None:
    with_buffer, without_buffer = debezium().to_config(), confluent().to_config()
    assert "reWriteBatchedInserts=true" in with_buffer["connection.url"]
    assert with_buffer["use.reduction.buffer"] == "true"
    assert "reWriteBatchedInserts=true" not in without_buffer["connection.url"]


def test_text_binds_to_the_types_of_the_target() -> None:
    url = debezium(target=JdbcTarget(host="pg", port=6432, database="db", ssl_mode="verify-full")).to_config()[
        "connection.url"
    ]
    assert url.startswith("jdbc:postgresql://pg:6432/db?")
    assert "stringtype=unspecified" in url
    assert "sslmode=verify-full" in url


def test_new_columns_are_added_only_when_asked_for() -> None:
    assert debezium().to_config()["schema.evolution"] == "none"
    assert debezium(schema_evolution="basic").to_config()["schema.evolution"] == "basic"


def test_later_records_of_a_refused_key_follow_or_wait() -> None:
    assert debezium().to_config()["dead.key.policy"] == "follow"
    assert debezium(dead_key_policy="wait").to_config()["dead.key.policy"] == "wait"
    assert "dead.key.policy" not in confluent().to_config()


def test_the_confluent_sink_flattens_on_its_own_side_and_keeps_deletes() -> None:
    properties = confluent().to_config()
    assert properties["transforms"] == "unwrap,unmark,route0,route1"
    assert properties["transforms.unwrap.delete.tombstone.handling.mode"] == "rewrite-with-tombstone"
    assert properties["transforms.unmark.exclude"] == "__deleted"
    assert properties["pk.mode"] == "record_key"


def test_the_confluent_sink_routes_each_topic_to_its_table_only() -> None:
    properties = confluent().to_config()
    pattern = properties["transforms.route0.regex"]
    assert re.fullmatch(pattern, "cdc.shop.users")
    assert not re.fullmatch(pattern, "cdcXshop.users")
    assert properties["transforms.route0.replacement"] == "public.users"
    assert properties["transforms.route1.replacement"] == "sales.orders"


# What they refuse, with the field and what to write.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topic_prefix": "a b"}, "topic_prefix 'a b' is no topic name; write"),
        ({"contact_points": ()}, "contact_points is empty; write at least one host:port"),
        ({"contact_points": ("scylla",)}, "contact_points: 'scylla' is not host:port; write for example scylla:9042"),
        ({"tables": ()}, "tables is empty; list at least one"),
        ({"tables": (USERS, USERS)}, "tables: source shop.users is listed twice"),
        ({"window_size_ms": 0}, "window_size_ms is 0; write 1 or more"),
        ({"confidence_window_ms": -1}, "confidence_window_ms is -1; write 0 or more"),
        ({"heartbeat_interval_ms": 0}, "heartbeat_interval_ms is 0; write 1 or more"),
        ({"initial_lookback_ms": -1}, "initial_lookback_ms is -1"),
        ({"tasks_max": 0}, "tasks_max is 0"),
        ({"retry_timeout_ms": -2}, "retry_timeout_ms is -2"),
        ({"consistency_level": "SOME"}, "consistency_level 'SOME' is not known; write one of ONE, TWO"),
        ({"converter": READS}, "converter.auto_register is off.*write auto_register=True"),
    ],
)
def test_a_source_names_the_field_that_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topic_prefix": ""}, "topic_prefix '' is no topic name"),
        ({"dlq_topic": "a b"}, "dlq_topic 'a b' is no topic name"),
        ({"dlq_replication_factor": 0}, "dlq_replication_factor is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"tasks_max": 0}, "tasks_max is 0"),
        ({"retry_timeout_ms": -5}, "retry_timeout_ms is -5"),
        ({"converter": WRITES}, "converter.auto_register is on.*write auto_register=False"),
        (
            {"tables": (USERS, ReplicatedTable("shop.people", "public.users", ("id",)))},
            "tables: target public.users is listed twice",
        ),
    ],
)
def test_a_sink_names_the_field_that_is_wrong(changes: dict[str, Any], message: str) -> None:
    for make in (debezium, confluent):
        with pytest.raises(ValueError, match=message):
            make(**changes)


def test_fields_of_one_sink_only_are_checked_too() -> None:
    with pytest.raises(ValueError, match="schema_evolution 'all' is not known; write one of none, basic"):
        debezium(schema_evolution="all")
    with pytest.raises(ValueError, match="dead_key_policy 'skip' is not known; write one of follow, wait"):
        debezium(dead_key_policy="skip")
    with pytest.raises(ValueError, match="max_retries is -1"):
        confluent(max_retries=-1)
    with pytest.raises(ValueError, match="retry_backoff_ms is -1"):
        confluent(retry_backoff_ms=-1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "pg:5432"}, "host 'pg:5432' is not a host name; write for example postgres"),
        ({"database": "a/b"}, "database 'a/b' is not a database name"),
        ({"database": "db?password=x"}, "is not a database name"),
        ({"port": 0}, "port 0 is no port"),
        ({"ssl_mode": "on"}, "ssl_mode 'on' is not known; write one of disable, allow"),
    ],
)
def test_a_target_names_the_field_that_is_wrong(changes: dict[str, Any], message: str) -> None:
    values: dict[str, Any] = {"host": "postgres", "port": 5432, "database": "warehouse"} | changes
    with pytest.raises(ValueError, match=re.escape(message) if "?" in message else message):
        JdbcTarget(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("users", "public.users", ("id",)), "source 'users' is not keyspace.table; write for example shop.users"),
        (("shop.users", "users", ("id",)), "target 'users' is not schema.table in lower case"),
        (("shop.users", "public.Users", ("id",)), "target 'public.Users' is not schema.table in lower case"),
        (("shop.users", "public.a=b,c", ("id",)), "is not schema.table"),
        (("shop.users", "public.users", ()), "partition_key of shop.users is empty"),
        (("shop.users", "public.users", ("i d",)), "'i d' in the key of shop.users is not a column name"),
        (("shop.users", "public.users", ("id",), ("id",)), "a column is listed twice in the key of shop.users"),
    ],
)
def test_a_table_names_what_is_wrong(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReplicatedTable(*values)


def test_a_table_knows_its_parts_key_and_topic() -> None:
    assert (ORDERS.keyspace, ORDERS.table) == ("shop", "orders")
    assert (ORDERS.target_schema, ORDERS.target_table) == ("sales", "orders")
    assert ORDERS.key_columns == ("customer_id", "order_id")
    assert ORDERS.topic("cdc") == "cdc.shop.orders"


@pytest.mark.parametrize("url", ["schema-registry:8081", "", "ftp://r/", "http://u:p@r:8081"])
def test_a_registry_url_must_be_one_without_credentials(url: str) -> None:
    with pytest.raises(ValueError, match="write for example http://schema-registry:8081"):
        AvroConverterConfig(url, auto_register=True)
