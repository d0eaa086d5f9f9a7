"""Reads the stack configuration. Nothing else reads `pulumi.Config`.

Defaults live in Pulumi.yaml and nowhere else. Whatever is missing or wrong is collected and reported at once, before
any resource is touched, with the lines to paste into the stack file.
"""

from __future__ import annotations

import pulumi

from components.kafka import ADMIN
from components.kafka_connect.configs import ReplicatedTable
from components.kafka_security import PROVIDER_MECHANISMS, SCRAM
from components.postgres.migrations import parse_migrations
from components.tls.trust import CA_KEY
from infra.config_reader import Reader, SettingsError
from infra.config_transport import CERTIFICATE_EXAMPLE, read_transport
from infra.settings import (
    CanarySettings,
    ConnectSettings,
    DockerSettings,
    KafkaSettings,
    MonitoringSettings,
    PostgresSettings,
    ReconcileSettings,
    RegistrySettings,
    ScyllaSettings,
    Settings,
    TableSettings,
    TracingSettings,
    TransportSettings,
    VaultSettings,
)
from reconcile.settings import schedule_problems

MIN_RETENTION_HOURS = 24
"""A shorter retention could drop records that a stopped sink has not read after a night."""

MIN_ROTATION_SECONDS = 10
"""A change, the files that follow and the restart of a connector take some seconds."""

TABLE_EXAMPLE = "[{source: shop.users, target: public.users, partitionKey: [id]}]"
MONITORED_JOBS = ("connect", "kafka", "zookeeper", "schema-registry", "scylla", "postgres", "vault")
TABLE_KEYS = {"source", "target", "partitionKey", "clusteringKey", "columns", "schemaCompatibility", "migrations"}
COMPATIBILITY_LEVELS = (
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
)


def load_settings() -> Settings:
    """Read and check the whole configuration of the current stack.

    Raises:
        SettingsError: naming every wrong or missing key, with the YAML to paste.
    """
    reader = Reader(pulumi.Config())
    transport = read_transport(reader)
    settings = Settings(
        project=pulumi.get_project(),
        stack=pulumi.get_stack(),
        docker=DockerSettings(
            host=reader.text("dockerHost"),
            bind_address=reader.text("bindAddress"),
            port_offset=reader.integer("portOffset"),
            images=reader.choice("images", "public", "testbed"),
            image_overrides=reader.mapping("imageOverrides"),
            read_only_root=reader.flag("readOnlyRoot"),
        ),
        transport=transport,
        kafka=_kafka(reader, transport),
        registry=_registry(reader),
        connect=_connect(reader, transport),
        scylla=_scylla(reader, transport),
        postgres=_postgres(reader, transport),
        vault=_vault(reader),
        reconcile=_reconcile(reader),
        monitoring=_monitoring(reader),
        tracing=_tracing(reader),
        tables=_tables(reader, reader.text("schemaCompatibility")),
    )
    if reader.problems:
        listed = "\n".join(f"- {problem}" for problem in reader.problems)
        raise SettingsError(f"the configuration of stack {settings.stack} has problems:\n{listed}")
    return settings


def _kafka(reader: Reader, transport: TransportSettings) -> KafkaSettings:
    mode = reader.choice("kafkaMode", "container", "external")
    mechanism = reader.choice("kafkaSaslMechanism", "none", *PROVIDER_MECHANISMS)
    tls = reader.flag("kafkaTlsEnabled")
    if mode == "container":
        mechanism, tls = (SCRAM, True) if transport.enabled else ("none", False)
    logs_in = mechanism != "none"
    kafka = KafkaSettings(
        mode=mode,
        bootstrap_servers=reader.external(
            mode, "kafkaBootstrapServers", reader.items("kafkaBootstrapServers", "[]"), "[host:9092]"
        ),
        tls_enabled=tls,
        sasl_mechanism=mechanism if logs_in else "",
        admin_user=reader.text("kafkaAdminUser") if mode == "external" else ADMIN,
        admin_password=reader.secret("kafkaAdminPassword") if logs_in else pulumi.Output.secret(""),
        brokers=reader.integer("kafkaBrokers", 1),
        heap_mb=reader.integer("kafkaHeapMb", 256),
        replication_factor=reader.integer("kafkaReplicationFactor", 1),
        min_insync_replicas=reader.integer("kafkaMinInsyncReplicas", 1),
        topic_partitions=reader.integer("topicPartitions", 1),
        topic_retention_hours=reader.integer("topicRetentionHours", MIN_RETENTION_HOURS),
        topic_cleanup_policy=reader.choice("topicCleanupPolicy", "delete", "compact", "compact,delete"),
        dlq_retention_hours=reader.integer("dlqRetentionHours", MIN_RETENTION_HOURS),
        heartbeat_retention_hours=reader.integer("heartbeatRetentionHours", MIN_RETENTION_HOURS),
    )
    if kafka.min_insync_replicas > kafka.replication_factor:
        reader.problem("kafkaMinInsyncReplicas", "exceeds kafkaReplicationFactor, so nothing could be written", "1")
    if mode == "container" and kafka.replication_factor > kafka.brokers:
        reader.problem("kafkaReplicationFactor", f"exceeds kafkaBrokers ({kafka.brokers})", "1")
    return kafka


def _registry(reader: Reader) -> RegistrySettings:
    mode = reader.choice("registryMode", "container", "external")
    return RegistrySettings(
        mode=mode,
        url=reader.external(mode, "registryUrl", reader.text("registryUrl"), "http://host:8081"),
        compatibility=reader.choice("schemaCompatibility", *COMPATIBILITY_LEVELS),
    )


def _connect(reader: Reader, transport: TransportSettings) -> ConnectSettings:
    mode = reader.choice("connectMode", "container", "service", "external")
    url = reader.text("connectUrl")
    if mode != "container" and not url:
        reader.problem("connectUrl", f"is needed in mode {mode}", "http://host:8083")
    user = reader.text("connectUser")
    if transport.enabled and mode != "external" and not user:
        reader.problem("connectUser", "is needed with transportSecurity tls", "cdc")
    return ConnectSettings(
        mode=mode,
        url=url,
        user=user,
        password=reader.secret("connectPassword") if user else pulumi.Output.secret(""),
        workers=reader.integer("connectWorkers", 1),
        heap_mb=reader.integer("connectHeapMb", 256),
        placement=reader.text("connectPlacement"),
        topic_prefix=reader.text("topicPrefix"),
        window_size_ms=reader.integer("windowSizeMs", 100),
        confidence_window_ms=reader.integer("confidenceWindowMs", 0),
        initial_lookback_ms=reader.integer("initialLookbackMs", 0),
        heartbeat_interval_ms=reader.integer("heartbeatIntervalMs", 1),
        source_tasks_max=reader.integer("sourceTasksMax", 1),
        sink_connector=reader.choice("sinkConnector", "debezium", "confluent"),
        sink_tasks_max=reader.integer("sinkTasksMax", 1),
        sink_batch_size=reader.integer("sinkBatchSize", 1),
        sink_dead_key_policy=reader.choice("sinkDeadKeyPolicy", "follow", "wait"),
        schema_evolution=reader.choice("schemaEvolution", "basic", "none"),
    )


def _scylla(reader: Reader, transport: TransportSettings) -> ScyllaSettings:
    mode = reader.choice("scyllaMode", "container", "external")
    tls = reader.flag("scyllaTlsEnabled")
    if tls and not transport.trusted:
        reader.problem(CA_KEY, "is needed with scyllaTlsEnabled", CERTIFICATE_EXAMPLE)
    return ScyllaSettings(
        mode=mode,
        contact_points=reader.external(
            mode, "scyllaContactPoints", reader.items("scyllaContactPoints", "[]"), "[host:9042]"
        ),
        tls=tls if mode == "external" else transport.enabled,
        datacenter=reader.text("scyllaDatacenter"),
        replication_factor=reader.integer("scyllaReplicationFactor", 1),
        memory_mb=reader.integer("scyllaMemoryMb", 512),
        consistency_level=reader.choice(
            "scyllaConsistencyLevel", "LOCAL_QUORUM", "QUORUM", "ALL", "THREE", "TWO", "ONE", "LOCAL_ONE"
        ),
        admin_user=reader.text("scyllaAdminUser"),
        admin_password=reader.secret("scyllaAdminPassword"),
        cdc_ttl_seconds=reader.integer("cdcTtlSeconds", 3600),
    )


def _postgres(reader: Reader, transport: TransportSettings) -> PostgresSettings:
    mode = reader.choice("postgresMode", "container", "external")
    ssl_mode = reader.choice("postgresSslMode", "disable", "require", "verify-ca", "verify-full")
    if ssl_mode.startswith("verify") and not transport.trusted:
        reader.problem(CA_KEY, f"is needed with postgresSslMode {ssl_mode}", CERTIFICATE_EXAMPLE)
    return PostgresSettings(
        mode=mode,
        host=reader.external(mode, "postgresHost", reader.text("postgresHost"), "host"),
        port=reader.integer("postgresPort", 1),
        ssl_mode="verify-full" if mode == "container" and transport.enabled else ssl_mode,
        memory_mb=reader.integer("postgresMemoryMb", 128),
        database=reader.text("postgresDatabase"),
        admin_user=reader.text("postgresAdminUser"),
        admin_password=reader.secret("postgresAdminPassword"),
    )


def _vault(reader: Reader) -> VaultSettings:
    mode = reader.choice("vaultMode", "container", "external")
    return VaultSettings(
        mode=mode,
        address=reader.external(mode, "vaultAddress", reader.text("vaultAddress"), "https://host:8200"),
        token=reader.secret("vaultToken"),
        password_rotation_seconds=reader.integer("passwordRotationSeconds", MIN_ROTATION_SECONDS),
    )


def _reconcile(reader: Reader) -> ReconcileSettings:
    reconcile = ReconcileSettings(
        enabled=reader.flag("reconcileEnabled"),
        schedule=reader.text("reconcileSchedule", '"0 2 * * *"'),
        time_zone=reader.text("reconcileTimeZone", "Europe/Berlin"),
        full_on=[str(day) for day in reader.items("reconcileFullOn", "[sun]")],
        repair=reader.choice("reconcileRepair", "none", "missing", "mismatch", "all"),
        workers=reader.integer("reconcileWorkers", 1),
        max_rows_per_second=reader.integer("reconcileMaxRowsPerSecond", 0),
        memory_mb=reader.integer("reconcileMemoryMb", 256),
    )
    keys = {"cron": "reconcileSchedule", "time_zone": "reconcileTimeZone", "full_on": "reconcileFullOn"}
    schedule = {"cron": reconcile.schedule, "time_zone": reconcile.time_zone, "full_on": reconcile.full_on}
    for name, problem in schedule_problems(schedule).items():
        reader.problem(keys[name], problem, {"cron": '"0 2 * * *"', "time_zone": "Europe/Berlin"}.get(name, "[sun]"))
    return reconcile


def _monitoring(reader: Reader) -> MonitoringSettings:
    enabled = reader.flag("monitoring")
    grafana = reader.flag("grafanaEnabled") and enabled
    targets = reader.addresses("monitoringTargets", '{kafka: ["kafka-1.internal:9404"]}')
    for job in sorted(set(targets) - set(MONITORED_JOBS)):
        what = f"{job!r} is not one of {', '.join(MONITORED_JOBS)}"
        reader.problem("monitoringTargets", what, '{kafka: ["kafka-1.internal:9404"]}')
    return MonitoringSettings(
        enabled=enabled,
        retention_days=reader.integer("monitoringRetentionDays", 1),
        memory_mb=reader.integer("prometheusMemoryMb", 128),
        targets=targets,
        postgres_password=reader.secret("monitorPassword") if enabled else pulumi.Output.secret(""),
        canary=_canary(reader, enabled),
        alertmanager=reader.flag("alertmanagerEnabled") and enabled,
        alert_webhook_url=reader.optional("alertWebhookUrl"),
        grafana=grafana,
        grafana_password=reader.secret("grafanaAdminPassword") if grafana else pulumi.Output.secret(""),
    )


def _canary(reader: Reader, monitoring: bool) -> CanarySettings:
    enabled = reader.flag("canaryEnabled") and monitoring
    return CanarySettings(enabled=enabled, interval_seconds=reader.integer("canaryIntervalSeconds", 1))


def _tracing(reader: Reader) -> TracingSettings:
    enabled = reader.flag("tracing") and reader.flag("monitoring")
    return TracingSettings(enabled=enabled, sample_ratio=reader.ratio("tracingSampleRatio"))


def _tables(reader: Reader, compatibility: str) -> list[TableSettings]:
    tables: list[TableSettings] = []
    for number, entry in enumerate(reader.items("tables", TABLE_EXAMPLE)):
        unknown = sorted(set(entry) - TABLE_KEYS)
        missing = sorted({"source", "target", "partitionKey"} - set(entry))
        if unknown or missing:
            what = "; ".join(
                f"{label} {', '.join(keys)}" for label, keys in (("unknown", unknown), ("missing", missing)) if keys
            )
            reader.problem("tables", f"entry {number + 1} ({entry.get('source', 'no source')}): {what}", TABLE_EXAMPLE)
            continue
        try:
            replicated = ReplicatedTable(
                source=entry["source"],
                target=entry["target"],
                partition_key=tuple(entry["partitionKey"]),
                clustering_key=tuple(entry.get("clusteringKey", ())),
            )
            parse_migrations(entry.get("migrations", ()))
        except ValueError as error:
            reader.problem("tables", f"entry {number + 1}: {error}", TABLE_EXAMPLE)
            continue
        level = entry.get("schemaCompatibility", compatibility)
        if level not in COMPATIBILITY_LEVELS:
            what = f"{replicated.source}: schemaCompatibility is {level!r}, allowed: {', '.join(COMPATIBILITY_LEVELS)}"
            reader.problem("tables", what, TABLE_EXAMPLE)
        tables.append(TableSettings(replicated, entry.get("columns"), level, list(entry.get("migrations", ()))))
    sources = [table.replicated.source for table in tables]
    for source in sorted({source for source in sources if sources.count(source) > 1}):
        reader.problem("tables", f"{source} is listed twice", TABLE_EXAMPLE)
    if not tables and not reader.problems:
        reader.problem("tables", "no table is listed", TABLE_EXAMPLE)
    return tables
