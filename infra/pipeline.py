"""What is configured inside the services: tables, roles, secrets and topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.kafka import PipelineTopics, PipelineTopicsArgs
from components.postgres.roles import CANARY_READER, OWNER, RECONCILE, WRITER, Warehouse, WarehouseArgs
from components.postgres.target_table import TargetTable, TargetTableArgs
from components.registry_client import subjects_of
from components.registry_compatibility import Compatibility
from components.scylla.keyspace import Keyspace, KeyspaceArgs
from components.scylla.preflight import Preflight, PreflightArgs
from components.scylla.role import Role, RoleArgs
from components.scylla.superuser import SuperuserPassword, SuperuserPasswordArgs
from components.scylla.table import Table, TableArgs
from components.tls.files import CA_PATH
from components.vault.database import PostgresAccessArgs, ScyllaAccessArgs
from components.vault.secrets import KeptLogin, PipelineSecrets, PipelineSecretsArgs
from infra.platform import Kafka, Postgres, Registry, Scylla, Vault
from infra.settings import CANARY_TABLE, Settings, TableSettings

CONNECT_GROUP = "cdc-connect"
CONNECT_ROLE = "connect"
RECONCILE_ROLE = "reconcile"
CANARY_ROLE = "canary"
"""AppRoles in Vault."""
DLQ_TOPIC = "dlq-postgres-sink"
DLQ_LEDGER_TOPIC = f"{DLQ_TOPIC}-handled"
SOURCE_OFFSETS_TOPIC = "cdc-source-offsets"
READER = "cdc_reader"
"""ScyllaDB role of the source connector."""
RECONCILER = "cdc_reconcile"
"""ScyllaDB role of the reconcile job."""
CANARY = "cdc_canary"
"""ScyllaDB role of the canary."""
STREAMS_KEYSPACE = "system_distributed"
"""ScyllaDB publishes the CDC stream ids there."""


def heartbeat_topic(settings: Settings) -> str:
    """Topic of the source connector's heartbeats."""
    return f"__debezium-heartbeat.{settings.connect.topic_prefix}"


def source_tables(
    settings: Settings, scylla: Scylla, registry: Registry, levels: Sequence[pulumi.Resource]
) -> list[pulumi.Resource]:
    """Keyspaces, tables and the readers' roles in ScyllaDB, and the preflight; returns what connectors wait for.

    Args:
        settings: the stack's.
        scylla: where the tables are.
        registry: where their schemas are.
        levels: the registry's compatibility levels, without which it would take everything.
    """
    points = scylla.contact_points_outside
    admin: list[pulumi.Resource] = []
    if settings.scylla.mode == "container":
        admin = [
            SuperuserPassword(
                "scylla",
                SuperuserPasswordArgs(contact_points=points),
                scylla.server.options(),
            )
        ]
    inside = scylla.server.options(None, admin)
    managed = [table for table in settings.replicated if table.columns]
    keyspaces: dict[str, pulumi.Resource] = {
        name: Keyspace(
            name,
            KeyspaceArgs(
                name=name,
                contact_points=points,
                replication={
                    "class": "NetworkTopologyStrategy",
                    settings.scylla.datacenter: settings.scylla.replication_factor,
                },
            ),
            inside,
        )
        for name in sorted({table.replicated.keyspace for table in managed})
    }
    tables = [_source_table(settings, scylla, table, keyspaces[table.replicated.keyspace]) for table in managed]
    readers = [
        Role(
            name,
            RoleArgs(name=name, contact_points=points, grants=grants),
            scylla.server.options(None, [*admin, *tables]),
        )
        for name, grants in _source_roles(settings).items()
    ]
    preflight = Preflight(
        "source-tables",
        PreflightArgs(
            contact_points=points,
            datacenter=settings.scylla.datacenter,
            registry_url=registry.url_outside,
            tables=[
                {
                    "source": table.replicated.source,
                    "topic": table.replicated.topic(settings.connect.topic_prefix),
                    "partition_key": list(table.replicated.partition_key),
                    "clustering_key": list(table.replicated.clustering_key),
                }
                for table in settings.replicated
            ],
            triggers=[table.columns or {} for table in settings.replicated],
        ),
        scylla.server.options(None, [*admin, *tables, *levels]),
    )
    pulumi.export("warnings", preflight.warnings)
    return [*readers, preflight]


def _source_table(settings: Settings, scylla: Scylla, table: TableSettings, keyspace: pulumi.Resource) -> Table:
    replicated = table.replicated
    return Table(
        replicated.source,
        TableArgs(
            keyspace=replicated.keyspace,
            name=replicated.table,
            contact_points=scylla.contact_points_outside,
            columns=table.columns or {},
            partition_key=list(replicated.partition_key),
            clustering_key=list(replicated.clustering_key),
            cdc_ttl_seconds=settings.scylla.cdc_ttl_seconds,
        ),
        scylla.server.options(None, [keyspace]),
    )


def _source_roles(settings: Settings) -> dict[str, list[dict[str, pulumi.Input[str]]]]:
    """Each role with its grants."""
    roles = {READER: _reader_grants(settings.replicated), RECONCILER: _reader_grants(settings.tables)}
    if settings.monitoring.canary.enabled:
        roles[CANARY] = [{"permission": "MODIFY", "resource": f"TABLE {CANARY_TABLE.replicated.source}"}]
    return roles


def _reader_grants(tables: Sequence[TableSettings]) -> list[dict[str, pulumi.Input[str]]]:
    """A reader sees replicated tables, their logs and the stream ids, nothing else."""
    sources = [table.replicated.source for table in tables]
    resources = [
        *(f"TABLE {source}" for source in sources),
        *(f"TABLE {source}_scylla_cdc_log" for source in sources),
        f"KEYSPACE {STREAMS_KEYSPACE}",
    ]
    return [{"permission": "SELECT", "resource": resource} for resource in resources]


@dataclass(frozen=True)
class Targets:
    """The target database."""

    tables: dict[str, TargetTable]
    """By source table."""
    ready: list[pulumi.Resource]
    """What the sink waits for."""


def target_tables(
    settings: Settings, scylla: Scylla, postgres: Postgres, sources: Sequence[pulumi.Resource]
) -> Targets:
    """Database, roles, grants and target tables in PostgreSQL."""
    replicated = [table.replicated for table in settings.replicated]
    warehouse = Warehouse(
        "warehouse",
        WarehouseArgs(
            server=postgres.server,
            database=settings.postgres.database,
            schemas=sorted({table.target_schema for table in replicated}),
            writer_adds_columns=settings.connect.schema_evolution == "basic",
            canary_schema=CANARY_TABLE.replicated.target_schema if settings.monitoring.canary.enabled else "",
        ),
    )
    tables = {
        table.replicated.source: TargetTable(
            table.replicated.target,
            TargetTableArgs(
                source=table.replicated.source,
                target=table.replicated.target,
                contact_points=scylla.contact_points_outside,
                host=postgres.host_outside,
                port=postgres.port_outside,
                database=settings.postgres.database,
                owner=OWNER,
                sslmode=settings.postgres.ssl_mode,
                migrations=table.migrations,
                triggers=[table.columns or {}],
            ),
            postgres.server.options(None, [*warehouse.ready, *sources]),
        )
        for table in settings.replicated
    }
    return Targets(tables, [*warehouse.ready, *tables.values()])


def pipeline_secrets(
    settings: Settings, vault: Vault, services: tuple[Scylla, Postgres], roles_exist: Sequence[pulumi.Resource]
) -> PipelineSecrets:
    """The logins of connectors, reconcile job and canary, which Vault changes, and the AppRole that reads each."""
    scylla, postgres = services
    ours = settings.vault.mode == "container"
    canary = settings.monitoring.canary.enabled
    in_postgres, in_scylla = ([CANARY_READER], [CANARY]) if canary else ([], [])
    return PipelineSecrets(
        "secrets",
        PipelineSecretsArgs(
            server=vault.server,
            postgres=PostgresAccessArgs(
                name="postgres",
                vault_address=vault.address_outside,
                host=postgres.host_outside,
                port=postgres.port_outside,
                # An external Vault is outside of the stack's network, as Pulumi is.
                vault_host=postgres.host_inside if ours else postgres.host_outside,
                vault_port=postgres.port_inside if ours else postgres.port_outside,
                database=settings.postgres.database,
                sslmode=settings.postgres.ssl_mode,
                vault_sslrootcert=CA_PATH if ours and settings.transport.trusted else None,
                managed_roles=[WRITER, RECONCILE, *in_postgres],
                static_roles=[WRITER, *in_postgres],
            ),
            scylla=ScyllaAccessArgs(
                name="scylla",
                vault_address=vault.address_outside,
                contact_points=scylla.contact_points_outside,
                vault_contact_points=scylla.contact_points_inside if ours else scylla.contact_points_outside,
                managed_roles=[READER, RECONCILER, *in_scylla],
                static_roles=[READER, RECONCILER, *in_scylla],
                vault_pem_bundle=settings.transport.trusted if settings.scylla.tls else None,
            ),
            group_role=RECONCILE,
            rotation_seconds=settings.vault.password_rotation_seconds,
            consumers={CONNECT_ROLE: "cdc-pipeline", RECONCILE_ROLE: "cdc-reconcile"}
            | ({CANARY_ROLE: "cdc-canary"} if canary else {}),
            administrators={
                "scylla": KeptLogin(settings.scylla.admin_user, settings.scylla.admin_password),
                "postgres": KeptLogin(settings.postgres.admin_user, settings.postgres.admin_password),
            },
            # On Swarm each node has an agent.
            one_reader=not settings.on_swarm,
            roles_exist=roles_exist,
        ),
    )


def pipeline_topics(settings: Settings, kafka: Kafka) -> list[pulumi.Resource]:
    """Every topic of the pipeline."""
    configured = settings.kafka
    topics = PipelineTopics(
        "topics",
        PipelineTopicsArgs(
            server=kafka.server,
            table_topics=[table.replicated.topic(settings.connect.topic_prefix) for table in settings.replicated],
            heartbeat_topic=heartbeat_topic(settings),
            dlq_topic=DLQ_TOPIC,
            dlq_ledger_topic=DLQ_LEDGER_TOPIC,
            connect_group=CONNECT_GROUP,
            source_offsets_topic=SOURCE_OFFSETS_TOPIC,
            partitions=configured.topic_partitions,
            replication_factor=configured.replication_factor,
            min_insync_replicas=configured.min_insync_replicas,
            retention_hours=configured.topic_retention_hours,
            cleanup_policy=configured.topic_cleanup_policy,
            dlq_retention_hours=configured.dlq_retention_hours,
            heartbeat_retention_hours=configured.heartbeat_retention_hours,
        ),
    )
    return list(topics.topics)


def registry_compatibility(settings: Settings, registry: Registry) -> list[pulumi.Resource]:
    """The compatibility level of every new schema: the global one, and those of the tables' subjects."""
    level = Compatibility(
        "schema-registry", registry.url_outside, settings.registry.compatibility, opts=registry.server.options()
    )
    after = registry.server.options(None, [level])
    subjects = [
        Compatibility(subject, registry.url_outside, table.compatibility, subject, after)
        for table in settings.replicated
        for subject in subjects_of(table.replicated.topic(settings.connect.topic_prefix))
    ]
    return [level, *subjects]
