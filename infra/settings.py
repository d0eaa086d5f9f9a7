"""What a stack is configured with, as typed objects. `infra.config` reads them; defaults live in Pulumi.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components import canary
from components.kafka_connect.configs import ReplicatedTable

Mode = Literal["container", "service", "external"]


@dataclass(frozen=True)
class DockerSettings:
    """Where containers run and how they are reached."""

    host: str
    bind_address: str
    port_offset: int
    images: Literal["public", "testbed"]
    image_overrides: dict[str, str]
    read_only_root: bool


@dataclass(frozen=True)
class TransportSettings:
    """Whether the stack's own servers speak TLS, and whom its clients trust."""

    enabled: bool
    authority_pem: str
    """Certificate of the authority that signs the servers' certificates; empty without TLS."""
    authority_fingerprint: str
    trusted: str
    """All authorities that clients trust beyond the system's own, in PEM."""


@dataclass(frozen=True)
class KafkaSettings:
    """The Kafka cluster and the defaults of its topics."""

    mode: Mode
    bootstrap_servers: list[str]
    tls_enabled: bool
    """Clients speak TLS."""
    sasl_mechanism: str
    """How they log in; empty: not at all."""
    admin_user: str
    admin_password: pulumi.Output[str]
    brokers: int
    heap_mb: int
    replication_factor: int
    min_insync_replicas: int
    topic_partitions: int
    topic_retention_hours: int
    topic_cleanup_policy: str
    dlq_retention_hours: int
    heartbeat_retention_hours: int


@dataclass(frozen=True)
class RegistrySettings:
    """The schema registry."""

    mode: Mode
    url: str
    compatibility: str


@dataclass(frozen=True)
class ConnectSettings:
    """Kafka Connect workers and the two connectors."""

    mode: Mode
    url: str
    user: str
    """Login of the REST API; empty: nobody is asked."""
    password: pulumi.Output[str]
    workers: int
    heap_mb: int
    placement: str
    topic_prefix: str
    window_size_ms: int
    confidence_window_ms: int
    initial_lookback_ms: int
    heartbeat_interval_ms: int
    source_tasks_max: int
    sink_connector: Literal["debezium", "confluent"]
    sink_tasks_max: int
    sink_batch_size: int
    sink_dead_key_policy: Literal["follow", "wait"]
    schema_evolution: Literal["basic", "none"]


@dataclass(frozen=True)
class ScyllaSettings:
    """The source database."""

    mode: Mode
    contact_points: list[str]
    tls: bool
    """Clients speak TLS."""
    datacenter: str
    replication_factor: int
    memory_mb: int
    consistency_level: str
    admin_user: str
    admin_password: pulumi.Output[str]
    cdc_ttl_seconds: int


@dataclass(frozen=True)
class PostgresSettings:
    """The target database."""

    mode: Mode
    host: str
    port: int
    ssl_mode: str
    memory_mb: int
    database: str
    admin_user: str
    admin_password: pulumi.Output[str]


@dataclass(frozen=True)
class VaultSettings:
    """The secret store."""

    mode: Mode
    address: str
    token: pulumi.Output[str]
    password_rotation_seconds: int


@dataclass(frozen=True)
class ReconcileSettings:
    """The job that compares both databases."""

    enabled: bool
    schedule: str
    time_zone: str
    full_on: list[str]
    repair: Literal["none", "missing", "mismatch", "all"]
    workers: int
    max_rows_per_second: int
    memory_mb: int


@dataclass(frozen=True)
class CanarySettings:
    """The row that is written every few seconds, and seen to arrive."""

    enabled: bool
    interval_seconds: int


@dataclass(frozen=True)
class MonitoringSettings:
    """What makes the stack visible."""

    enabled: bool
    retention_days: int
    """How long Prometheus keeps what it saw."""
    memory_mb: int
    """Memory limit of Prometheus."""
    targets: dict[str, list[str]]
    """Addresses of the metrics of services that somebody else runs, by job."""
    postgres_password: pulumi.Output[str]
    """Password of the role with which PostgreSQL's statistics are read."""
    canary: CanarySettings
    alertmanager: bool
    """Whether alerts are sent to somebody; Prometheus shows them anyway."""
    alert_webhook_url: str
    """Where; empty: nowhere."""
    grafana: bool
    grafana_password: pulumi.Output[str]
    """Password of Grafana's user `admin`."""


@dataclass(frozen=True)
class TracingSettings:
    """Which rows are traced through the pipeline."""

    enabled: bool
    sample_ratio: float
    """Part of the changes, from 0 to 1."""


@dataclass(frozen=True)
class TableSettings:
    """One replicated table."""

    replicated: ReplicatedTable
    columns: dict[str, str] | None
    """CQL type by column when this project creates the source table, else None."""
    compatibility: str
    """Level that the registry enforces on the table's subjects."""
    migrations: list[dict[str, Any]]
    """Changes of the target that lose something and are wanted all the same."""


CANARY_TABLE = TableSettings(
    ReplicatedTable(source=canary.TABLE, target=canary.TABLE, partition_key=canary.PARTITION_KEY),
    canary.COLUMNS,
    "BACKWARD",
    [],
)
"""Created by this project, in a keyspace and a schema of its own."""


@dataclass(frozen=True)
class Settings:
    """Everything a stack is configured with."""

    project: str
    stack: str
    docker: DockerSettings
    transport: TransportSettings
    kafka: KafkaSettings
    registry: RegistrySettings
    connect: ConnectSettings
    scylla: ScyllaSettings
    postgres: PostgresSettings
    vault: VaultSettings
    reconcile: ReconcileSettings
    monitoring: MonitoringSettings
    tracing: TracingSettings
    tables: list[TableSettings]

    @property
    def replicated(self) -> list[TableSettings]:
        """Everything that the connectors carry: the tables of the configuration, and the canary's."""
        return [*self.tables, *([CANARY_TABLE] if self.monitoring.canary.enabled else [])]

    @property
    def on_swarm(self) -> bool:
        """Whether what works on the rows, and what watches it, runs on Docker Swarm."""
        return self.connect.mode == "service"

    @property
    def prefix(self) -> str:
        """First part of the name of every container, network and volume of this stack."""
        return f"{self.project}-{self.stack}"
