"""Kafka Connect workers with our plug-ins, on one Docker host or on Swarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components import health, ports
from components.jaas import APP_UID, jaas_file, with_jvm_option
from components.kafka import connect_topics
from components.kafka_connect.rest import OPEN, RestSecurity
from components.kafka_security import PLAIN_ACCESS, KafkaAccess
from components.observability.jmx import jmx_environment
from components.observability.traces import Tracing, traced_environment
from components.service import File, HealthCheck, Host, Port, ServiceArgs, Volume
from components.tls.files import TRUSTSTORE_OPTIONS, trusted_files, truststore_file
from components.tls.truststore import TrustStore
from components.vault.agent import SECRETS_PATH, SECRETS_VOLUME_OPTIONS

PLUGIN_PATH = "/usr/share/java,/usr/share/cdc-plugins"
POOLED_CALLBACKS: Final = "-Djava.util.concurrent.ForkJoinPool.common.parallelism=4"
"""scylla-cdc-java hands on every row through Java's common pool. With two processors there is none by default, and each
row would start a thread."""
QUIET_LOGGERS = {
    # ScyllaDB's connector logs two lines for each record at INFO.
    "com.scylladb": "WARN",
    "org.reflections": "ERROR",
    # A line for every request, health checks included.
    "org.apache.kafka.connect.runtime.rest.RestServer": "WARN",
    # It quotes row values; our sink's own messages do not.
    "org.hibernate.orm.jdbc.error": "OFF",
}


@dataclass(frozen=True)
class WorkerArgs:
    """One worker of a distributed Connect cluster."""

    host: Host
    image: pulumi.Input[str]
    group: str
    """Group id of the cluster; its internal topics are named after it."""
    bootstrap_servers: str
    replication_factor: int
    heap_mb: int
    workers: int
    """Size of the cluster."""
    secrets_volume: pulumi.Input[str]
    """Volume with the files that Vault Agent renders."""
    monitored: bool = False
    """The image holds the JMX exporter, and it is to run."""
    tracing: Tracing | None = None
    """Where spans go; None: nothing is traced."""
    trusted: str = ""
    """Authorities (PEM) by which the worker and its connectors verify servers."""
    truststore: TrustStore | None = None
    """The same for clients that know Java's own format only, as those of registry and ScyllaDB do."""
    kafka: KafkaAccess = PLAIN_ACCESS
    """How the worker and its connectors get in at the brokers."""
    rest: RestSecurity = OPEN


SWARM_TASK_NAME = "{{.Service.Name}}.{{.Task.Slot}}.{{.Task.ID}}"
"""Swarm fills this in; it is the DNS name of one task on an overlay network."""


def worker_service(args: WorkerArgs, alias: str, *, publish: bool, advertised_host: str | None = None) -> ServiceArgs:
    """One worker as a service.

    `publish` makes its REST port reachable from the host. `advertised_host` is the name under which the other workers
    reach this one; the alias, where that names one worker only.
    """
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias=alias,
        memory_mb=args.heap_mb + 1024,
        env=_worker_env(args, advertised_host or alias),
        ports=[Port(ports.CONNECT_REST, ports.PUBLISHED_CONNECT_REST)] if publish else [],
        volumes=[Volume(args.secrets_volume, SECRETS_PATH, read_only=True, driver_opts=SECRETS_VOLUME_OPTIONS)],
        # Right after its start a worker answers 404 to everything for about a second.
        health=HealthCheck(health.curl(ports.CONNECT_REST, "/connectors", args.rest.scheme)),
        files=_files(args),
        image_user=True,
        stop_timeout_seconds=60,
        scratch=("/etc/kafka-connect", "/tmp", "/usr/logs", "/var/log/kafka"),  # noqa: S108 (of the container)
    )


def _worker_env(args: WorkerArgs, advertised_host: str) -> dict[str, str]:
    topics = connect_topics(args.group)
    replication = str(args.replication_factor)
    return {
        "CONNECT_BOOTSTRAP_SERVERS": args.bootstrap_servers,
        "CONNECT_GROUP_ID": args.group,
        "CONNECT_CONFIG_STORAGE_TOPIC": topics["config"],
        "CONNECT_OFFSET_STORAGE_TOPIC": topics["offset"],
        "CONNECT_STATUS_STORAGE_TOPIC": topics["status"],
        "CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR": replication,
        "CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR": replication,
        "CONNECT_STATUS_STORAGE_REPLICATION_FACTOR": replication,
        # Connectors name their own converters; a worker must have a default all the same.
        "CONNECT_KEY_CONVERTER": "org.apache.kafka.connect.json.JsonConverter",
        "CONNECT_VALUE_CONVERTER": "org.apache.kafka.connect.json.JsonConverter",
        **args.rest.environment(),
        "CONNECT_REST_ADVERTISED_HOST_NAME": advertised_host,
        "CONNECT_REST_ADVERTISED_PORT": str(ports.CONNECT_REST),
        "CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT": "enabled",
        "CONNECT_TOPIC_CREATION_ENABLE": "false",
        "CONNECT_CONNECTOR_CLIENT_CONFIG_OVERRIDE_POLICY": "All",
        "CONNECT_CONFIG_PROVIDERS": "file",
        "CONNECT_CONFIG_PROVIDERS_FILE_CLASS": ("org.apache.kafka.common.config.provider.FileConfigProvider"),
        "CONNECT_PLUGIN_PATH": PLUGIN_PATH,
        "CONNECT_PLUGIN_DISCOVERY": "hybrid_warn",
        "CONNECT_OFFSET_FLUSH_INTERVAL_MS": "5000",
        # A single worker gains nothing from waiting for a lost one; several give it a minute to come back.
        "CONNECT_SCHEDULED_REBALANCE_MAX_DELAY_MS": "0" if args.workers == 1 else "60000",
        "CONNECT_LOG4J_LOGGERS": ",".join(f"{name}={level}" for name, level in QUIET_LOGGERS.items()),
        "KAFKA_HEAP_OPTS": f"-Xms{args.heap_mb // 2}m -Xmx{args.heap_mb}m",
        **_kafka_env(args.kafka),
        **_jvm_options(args),
    }


def _jvm_options(args: WorkerArgs) -> dict[str, str]:
    agents = jmx_environment("KAFKA_OPTS", "connect", enabled=args.monitored)
    traced = traced_environment("KAFKA_OPTS", "connect", args.tracing, agents)
    options = with_jvm_option(traced, "KAFKA_OPTS", POOLED_CALLBACKS)
    if args.truststore:
        options = with_jvm_option(options, "KAFKA_OPTS", TRUSTSTORE_OPTIONS)
    return with_jvm_option(options, "KAFKA_OPTS") if _jaas_sections(args) else options


def _jaas_sections(args: WorkerArgs) -> dict[str, pulumi.Input[str]]:
    return {**args.kafka.jaas_sections(), **args.rest.jaas_sections()}


def _kafka_env(access: KafkaAccess) -> dict[str, str]:
    """For the worker itself, and for the clients of its connectors and of the dead letter queue."""
    prefixes = ("CONNECT_", "CONNECT_PRODUCER_", "CONNECT_CONSUMER_", "CONNECT_ADMIN_")
    return {name: value for prefix in prefixes for name, value in access.environment(prefix).items()}


def _files(args: WorkerArgs) -> list[File]:
    sections = _jaas_sections(args)
    return [
        *trusted_files(args.trusted),
        *([truststore_file(args.truststore)] if args.truststore else []),
        *([jaas_file(sections, APP_UID)] if sections else []),
        *args.rest.files(),
    ]
