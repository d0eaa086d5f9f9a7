"""What the program registers for each stack, seen as the engine sees it."""

from __future__ import annotations

import pytest

from tests.unit.infra.program import SECRETS, Program, is_secret, plain, run_program, strings

STACKS = ["dev", "prod", "testbed"]


@pytest.fixture(scope="module", params=STACKS)
def program(request: pytest.FixtureRequest) -> Program:
    return run_program(request.param)


@pytest.fixture(scope="module")
def dev() -> Program:
    return run_program("dev")


@pytest.fixture(scope="module")
def prod() -> Program:
    return run_program("prod")


def test_no_secret_reaches_the_engine_in_clear(program: Program) -> None:
    for resource in program.resources:
        shown = [text for text in strings(resource.inputs) for secret in SECRETS.values() if secret in text]
        assert shown == [], f"{resource.type} {resource.name}"


def test_every_resource_of_a_bridged_provider_has_an_explicit_provider(program: Program) -> None:
    bridged = ("docker:", "kafka:", "vault:", "postgresql:")
    for resource in program.resources:
        if resource.type.startswith(bridged):
            assert resource.provider, f"{resource.type} {resource.name} uses the default provider"


def test_provider_addresses_are_plain_configuration(program: Program) -> None:
    addresses = {
        "vault": plain(program.one("pulumi:providers:vault", "vault").inputs["address"]),
        "postgresql": program.one("pulumi:providers:postgresql", "postgresql").inputs["host"],
        "kafka": program.one("pulumi:providers:kafka", "kafka").inputs["bootstrapServers"],
    }

    assert all(addresses.values())


def test_every_container_is_limited_checked_and_published_on_loopback_only(dev: Program) -> None:
    containers = dev.of_type("docker:index/container:Container")

    assert len(containers) == 19
    for container in containers:
        inputs = container.inputs
        assert inputs["memory"] > 0
        assert inputs["restart"] == "unless-stopped"
        assert inputs["wait"] is True
        assert inputs["healthcheck"]["tests"][0] == "CMD-SHELL"
        assert inputs["securityOpts"] == ["no-new-privileges"]
        assert inputs["capabilities"]["drops"] == ["ALL"]
        assert [limit["name"] for limit in inputs["ulimits"]] == ["nproc"]
        assert {port["ip"] for port in inputs.get("ports", [])} <= {"127.0.0.1"}
        assert inputs["logOpts"] == {"max-size": "20m", "max-file": "3"}


def test_only_services_without_files_get_a_read_only_root_and_only_where_it_is_asked_for(dev: Program) -> None:
    containers = run_program("testbed").of_type("docker:index/container:Container")

    read_only = {container.name for container in containers if container.inputs["readOnly"]}
    assert read_only == {"zookeeper", "kafka-1", "schema-registry", "connect-1", "connect-restarter", "jaeger"}
    assert not any(container.inputs.get("uploads") for container in containers if container.name in read_only)
    assert not any(container.inputs["readOnly"] for container in dev.of_type("docker:index/container:Container"))


def test_images_that_start_as_root_keep_what_they_need_to_become_somebody_else(dev: Program, prod: Program) -> None:
    kept = {
        container.name: set(container.inputs["capabilities"]["adds"])
        for container in dev.of_type("docker:index/container:Container")
    }

    other_user = {"CAP_SETGID", "CAP_SETUID"}
    assert kept["postgres"] == other_user | {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}
    assert kept["scylla"] == kept["postgres"] | {"CAP_KILL"}
    for name in ("vault", "vault-unsealer", "vault-agent", "reconcile-agent", "reconcile"):
        assert kept[name] == other_user
    for name in ("zookeeper", "kafka-1", "schema-registry", "connect-1", "connect-restarter"):
        assert kept[name] == set()
    for service in prod.of_type("docker:index/service:Service"):
        assert service.inputs["taskSpec"]["containerSpec"]["capDrops"] == ["ALL"]


def test_no_container_has_a_password_in_its_environment(dev: Program) -> None:
    for container in dev.of_type("docker:index/container:Container"):
        assert not [env for env in container.inputs["envs"] if "PASSWORD=" in env or "TOKEN=" in env]


def test_secret_files_are_secret_and_readable_by_their_owner_only(dev: Program) -> None:
    files = {
        plain(upload)["file"]: (plain(upload)["permissions"], is_secret(container.inputs["uploads"]))
        for container in dev.of_type("docker:index/container:Container")
        for upload in plain(container.inputs.get("uploads", []))
    }

    protected = {path for path, (permissions, _) in files.items() if permissions == "0400"}
    assert protected == {
        *("/run/postgres-admin-password", "/etc/postgres-exporter/password", "/etc/alertmanager/alertmanager.yml"),
        "/run/grafana/admin-password",
        *("/vault/approle/role-id", "/vault/approle/secret-id", "/vault/unseal-key"),
    }
    assert all(files[path][1] for path in protected)


def test_port_offset_moves_every_published_port() -> None:
    moved = run_program("dev", portOffset=500)

    published = {
        port["external"]
        for container in moved.of_type("docker:index/container:Container")
        for port in container.inputs.get("ports", [])
    }
    assert published == {29592, 28581, 28583, 29542, 25932, 28700, 29608, 29690, 29693, 23500, 27186}
    assert moved.outputs["endpoints"]["connect"] == "http://127.0.0.1:28583"


def test_topics_exist_for_tables_dlq_heartbeat_and_connect(dev: Program) -> None:
    topics = {topic.name: topic.inputs for topic in dev.of_type("kafka:index/topic:Topic")}

    assert set(topics) == {
        *(
            "cdc.shop.users",
            "cdc.shop.orders",
            "cdc.cdc_monitor.canary",
            "dlq-postgres-sink",
            "dlq-postgres-sink-handled",
            "__debezium-heartbeat.cdc",
        ),
        *("cdc-connect-configs", "cdc-connect-offsets", "cdc-connect-status", "cdc-source-offsets"),
    }
    assert topics["cdc.shop.users"]["config"] == {
        "cleanup.policy": "delete",
        "retention.ms": "604800000",
        "min.insync.replicas": "1",
    }
    assert topics["cdc-connect-configs"]["partitions"] == 1
    assert topics["cdc-connect-offsets"]["config"]["cleanup.policy"] == "compact"
    source_offsets = topics["cdc-source-offsets"]["config"]
    assert (source_offsets["cleanup.policy"], source_offsets["segment.bytes"]) == ("compact", "1048576")


def test_brokers_do_not_create_topics(dev: Program) -> None:
    broker = dev.one("docker:index/container:Container", "kafka-1")

    assert "KAFKA_AUTO_CREATE_TOPICS_ENABLE=false" in broker.inputs["envs"]


def test_three_brokers_have_three_addresses_and_volumes() -> None:
    program = run_program("dev", kafkaBrokers=3, kafkaReplicationFactor=3, kafkaMinInsyncReplicas=2)

    assert program.outputs["endpoints"]["kafka"] == "127.0.0.1:29092,127.0.0.1:29093,127.0.0.1:29094"
    volumes = program.names("docker:index/volume:Volume")
    assert {"kafka-1-data", "kafka-2-data", "kafka-3-data"} <= volumes


def test_several_workers_share_one_agent_and_publish_one_port() -> None:
    program = run_program("dev", connectWorkers=2)

    workers = [program.one("docker:index/container:Container", f"connect-{number}") for number in (1, 2)]
    assert [len(worker.inputs.get("ports", [])) for worker in workers] == [1, 0]
    assert all("CONNECT_SCHEDULED_REBALANCE_MAX_DELAY_MS=60000" in worker.inputs["envs"] for worker in workers)


def test_the_worker_supports_exactly_once_sources(dev: Program) -> None:
    worker = dev.one("docker:index/container:Container", "connect-1")

    assert "CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT=enabled" in worker.inputs["envs"]


def test_the_worker_hands_rows_on_in_pooled_threads_on_small_machines_too(dev: Program) -> None:
    worker = dev.one("docker:index/container:Container", "connect-1")

    (options,) = (each for each in worker.inputs["envs"] if each.startswith("KAFKA_OPTS="))
    assert "-Djava.util.concurrent.ForkJoinPool.common.parallelism=4" in options.split()


def test_every_subject_has_a_compatibility_level(dev: Program) -> None:
    levels = {each.inputs["subject"]: each.inputs["level"] for each in dev.of_type("schema-registry:Compatibility")}

    tables = ("shop.users", "shop.orders", "cdc_monitor.canary")
    subjects = {f"cdc.{table}-{part}" for table in tables for part in ("key", "value")}
    assert levels == dict.fromkeys({"", *subjects}, "BACKWARD")


def test_the_preflight_asks_the_registry_about_the_topics(dev: Program) -> None:
    preflight = dev.one("scylla:Preflight", "source-tables").inputs

    assert preflight["registry_url"] == dev.outputs["endpoints"]["schema_registry"]
    assert [table["topic"] for table in preflight["tables"]] == [
        *("cdc.shop.users", "cdc.shop.orders", "cdc.cdc_monitor.canary"),
    ]


def test_connectors_hold_placeholders_instead_of_passwords(program: Program) -> None:
    connectors = program.of_type("kafka-connect:Connector")

    assert {connector.name for connector in connectors} == {"scylla-source", "postgres-sink"}
    for connector in connectors:
        config = connector.inputs["config"]
        passwords = [value for key, value in config.items() if key.endswith("password")]
        assert passwords
        assert all(value.startswith("${file:/vault/secrets/") for value in passwords)


def test_the_writer_joins_the_owner_only_where_the_sink_adds_columns(dev: Program, prod: Program) -> None:
    assert dev.one("postgresql:index/role:Role", "cdc_writer").inputs["roles"] == ["warehouse_owner"]
    assert not prod.one("postgresql:index/role:Role", "cdc_writer").inputs.get("roles")


def test_writer_and_reconcile_get_exactly_the_privileges_they_need(dev: Program) -> None:
    privileges = {
        grant.name: (grant.inputs["role"], grant.inputs["owner"], grant.inputs["privileges"])
        for grant in dev.of_type("DefaultPrivileges")
    }

    table = ["SELECT", "INSERT", "UPDATE", "DELETE"]
    assert privileges == {
        "cdc_writer-public-tables": ("cdc_writer", "warehouse_owner", table),
        "reconcile-public-tables": ("reconcile", "warehouse_owner", table),
        "cdc_writer-cdc_monitor-tables": ("cdc_writer", "warehouse_owner", table),
        "cdc_canary_reader-cdc_monitor-tables": ("cdc_canary_reader", "warehouse_owner", ["SELECT"]),
    }
    assert not dev.of_type("/grant:Grant")


def test_a_target_schema_of_its_own_is_created() -> None:
    table = {"source": "shop.users", "target": "sales.users", "partitionKey": ["id"], "columns": {"id": "uuid"}}

    program = run_program("dev", tables=[table])

    schema = program.one("postgresql:index/schema:Schema", "sales").inputs
    assert schema["owner"] == "warehouse_owner"
    assert schema["policies"] == [{"role": "cdc_writer", "usage": True}, {"role": "reconcile", "usage": True}]


def test_the_reader_may_read_the_replicated_tables_and_nothing_else(dev: Program) -> None:
    grants = dev.one("scylla:Role", "cdc_reader").inputs["grants"]

    assert {grant["permission"] for grant in grants} == {"SELECT"}
    assert {grant["resource"] for grant in grants} == {
        *("TABLE shop.users", "TABLE shop.users_scylla_cdc_log"),
        *("TABLE shop.orders", "TABLE shop.orders_scylla_cdc_log"),
        *("TABLE cdc_monitor.canary", "TABLE cdc_monitor.canary_scylla_cdc_log"),
        "KEYSPACE system_distributed",
    }


def test_tables_without_columns_are_checked_but_not_created(prod: Program) -> None:
    assert prod.names("scylla:Table") == {"cdc_monitor.canary"}
    assert len(prod.one("scylla:Preflight", "source-tables").inputs["tables"]) == 3


def test_prod_runs_agents_workers_reconcile_and_monitoring_on_swarm_and_nothing_else(prod: Program) -> None:
    assert prod.of_type("docker:index/container:Container") == []
    assert prod.names("docker:index/service:Service") == {
        *("vault-agent", "connect", "connect-restarter", "reconcile-agent", "reconcile"),
        *("prometheus", "alertmanager", "grafana", "jaeger", "postgres-exporter", "canary-agent", "canary"),
    }
    worker = prod.one("docker:index/service:Service", "connect").inputs
    assert worker["mode"]["replicated"]["replicas"] == 2
    assert worker["taskSpec"]["placement"]["constraints"] == ["node.labels.cdc == true"]
    assert worker["updateConfig"]["failureAction"] == "rollback"
    assert prod.one("docker:index/network:Network", "network").inputs["driver"] == "overlay"


def test_prod_keeps_three_replicas_of_every_topic(prod: Program) -> None:
    topics = prod.of_type("kafka:index/topic:Topic")

    assert {topic.inputs["replicationFactor"] for topic in topics} == {3}
    assert {topic.inputs["config"]["min.insync.replicas"] for topic in topics} == {"2"}


def test_an_external_vault_is_not_initialised(dev: Program, prod: Program) -> None:
    assert dev.names("vault:Init") == {"vault"}
    assert prod.names("vault:Init") == set()
    assert prod.names("vault:AdminToken") == set()


def test_vault_changes_every_password_of_the_pipeline(dev: Program) -> None:
    static = {
        role.name: (role.inputs["dbName"], role.inputs["username"], role.inputs["rotationPeriod"])
        for role in dev.of_type("SecretBackendStaticRole")
    }

    assert static == {
        "cdc_writer": ("postgres", "cdc_writer", 86400),
        "cdc_reader": ("scylla", "cdc_reader", 86400),
        "cdc_reconcile": ("scylla", "cdc_reconcile", 86400),
        "cdc_canary": ("scylla", "cdc_canary", 86400),
        "cdc_canary_reader": ("postgres", "cdc_canary_reader", 86400),
    }
    assert (
        run_program("dev", passwordRotationSeconds=3600)
        .one("SecretBackendStaticRole", "cdc_writer")
        .inputs["rotationPeriod"]
        == 3600
    )
    with_password = {role.name for role in dev.of_type("postgresql:index/role:Role") if "password" in role.inputs}
    assert with_password == {"cdc_monitor"}, "it reads statistics and no row"


def test_vault_keeps_the_administrators_logins_for_operators_only(dev: Program) -> None:
    mount = dev.one("vault:index/mount:Mount", "cdc").inputs
    assert (mount["type"], mount["options"]) == ("kv", {"version": "2"})
    assert {each.inputs["path"] for each in dev.of_type("generic/secret:Secret")} == {"cdc/scylla", "cdc/postgres"}
    assert {
        policy.name for policy in dev.of_type("vault:index/policy:Policy") if "cdc/data" in policy.inputs["policy"]
    } == {"cdc-operator"}


def test_reconcile_gets_logins_made_for_it_that_act_as_its_role(dev: Program) -> None:
    made = dev.one("secretBackendRole:SecretBackendRole", "reconcile").inputs

    assert made["dbName"] == "postgres"
    assert "IN ROLE reconcile" in made["creationStatements"][0]
    assert "SET role = 'reconcile'" in made["creationStatements"][0]
    assert "--" not in made["creationStatements"][0]
    assert made["defaultTtl"] < made["maxTtl"]
    assert dev.one("postgresql:index/role:Role", "reconcile").inputs["login"] is False


def test_an_agent_gets_its_secret_id_wrapped_where_it_is_the_only_one(dev: Program, prod: Program) -> None:
    assert dev.names("vault:WrappedSecretId") == {"connect", "reconcile", "canary"}
    assert not dev.of_type("AuthBackendRoleSecretId")
    assert "SECRET_ID_WRAPPED=true" in dev.one("docker:index/container:Container", "vault-agent").inputs["envs"]
    assert prod.names("AuthBackendRoleSecretId") == {"connect", "reconcile", "canary"}
    swarm = prod.one("docker:index/service:Service", "vault-agent").inputs["taskSpec"]["containerSpec"]
    assert swarm["env"]["SECRET_ID_WRAPPED"] == "false"


def test_vault_reaches_the_databases_from_where_it_runs(dev: Program, prod: Program) -> None:
    ours, external = (
        dev.one("vault:DatabaseAccess", "postgres").inputs,
        prod.one("vault:DatabaseAccess", "postgres").inputs,
    )

    assert (ours["vault_host"], ours["host"]) == ("postgres", "127.0.0.1")
    assert external["vault_host"] == external["host"]
    assert dev.one("vault:DatabaseAccess", "scylla").inputs["vault_contact_points"] == ["scylla:9042"]


def test_each_connector_is_restarted_after_its_own_file(dev: Program) -> None:
    restarter = dev.one("docker:index/container:Container", "connect-restarter").inputs

    watched = "/vault/secrets/postgres.properties=postgres-sink /vault/secrets/scylla.properties=scylla-source"
    assert f"WATCHED={watched}" in restarter["envs"]
    assert restarter["volumes"][0]["readOnly"] is True


def test_a_vault_of_our_own_logs_every_request(dev: Program, prod: Program) -> None:
    device = dev.one("vault:index/audit:Audit", "audit").inputs

    assert device["options"] == {"file_path": "/vault/logs/audit.log", "mode": "0600"}
    assert prod.of_type("vault:index/audit:Audit") == []


def test_existing_workers_are_used_as_they_are() -> None:
    program = run_program("dev", connectMode="external", connectUrl="http://connect.test:8083")

    names = program.names("docker:index/container:Container")
    assert "connect-1" not in names
    assert "vault-agent" not in names
    assert program.one("gate:Gate", "connect").inputs["address"] == "http://connect.test:8083/connectors"


def test_the_testbed_runs_its_own_images_and_dev_the_public_ones(dev: Program) -> None:
    testbed = run_program("testbed")

    assert dev.one("remoteImage:RemoteImage", "scylla").inputs["name"] == "scylladb/scylla:5.4.2"
    assert testbed.one("remoteImage:RemoteImage", "scylla").inputs["name"].startswith("scylla-pg-cdc-testbed/scylla:")


def test_workers_built_upon_different_images_have_different_tags(dev: Program) -> None:
    other_base = run_program("dev", imageOverrides={"kafka-connect-base": "mirror.test/base:1"})

    tags = {
        program.one("remoteImage:RemoteImage", "kafka-connect").inputs["name"]
        for program in (dev, other_base, run_program("testbed"))
    }

    assert len(tags) == 3


def test_an_image_can_be_replaced_by_configuration() -> None:
    program = run_program(
        "dev", imageOverrides={"kafka": "mirror.test/kafka:1", "kafka-connect": "mirror.test/connect:2"}
    )

    assert program.one("remoteImage:RemoteImage", "kafka").inputs["name"] == "mirror.test/kafka:1"
    assert program.one("remoteImage:RemoteImage", "kafka-connect").inputs.get("build") is None


def test_the_confluent_sink_is_a_choice() -> None:
    program = run_program("dev", sinkConnector="confluent")

    sink = program.one("kafka-connect:Connector", "postgres-sink").inputs
    assert sink["connector_class"] == "io.confluent.connect.jdbc.JdbcSinkConnector"


def test_outputs_name_every_endpoint_and_the_next_commands(program: Program) -> None:
    services = {"kafka", "schema_registry", "connect", "scylla", "postgres", "vault"}
    assert (
        set(program.outputs["endpoints"]) - {"reconcile", "prometheus", "alertmanager", "grafana", "jaeger"} == services
    )
    assert all(program.outputs["endpoints"].values())
    assert program.outputs["connectors"] == {"source": "scylla-source", "sink": "postgres-sink"}
    assert program.outputs["tables"][0]["keys"] == ["id"]
    assert "status" in program.outputs["commands"]


def test_containers_output_names_every_service(dev: Program) -> None:
    assert set(dev.outputs["containers"]) == {
        *("zookeeper", "kafka-1", "schema-registry", "scylla", "postgres", "vault", "vault-agent", "connect-1"),
        *("reconcile-agent", "reconcile", "vault-unsealer", "connect-restarter"),
        *("postgres-exporter", "prometheus", "alertmanager", "grafana", "jaeger", "canary-agent", "canary"),
    }
