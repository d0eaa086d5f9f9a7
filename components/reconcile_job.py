"""The reconcile package as a service: schedule, metrics and health. Runs on demand start inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import yaml

from components import health, ports
from components.hardening import TO_ANOTHER_USER
from components.kafka_connect.rest import RestSecurity
from components.kafka_security import KafkaAccess
from components.service import File, HealthCheck, Host, Port, ServiceArgs, Volume
from components.tls.files import CA_PATH, FOLDER, trusted_files
from components.vault.agent import SECRETS_PATH, SECRETS_VOLUME_OPTIONS

CONFIG_FILE: Final = "/etc/reconcile/reconcile.yaml"
SPOOL_PATH: Final = "/var/lib/reconcile"
KAFKA_LOGIN: Final = f"{FOLDER}/kafka.properties"
CONNECT_LOGIN: Final = f"{FOLDER}/connect.properties"
RECONCILE_UID: Final = 1000


@dataclass(frozen=True)
class SourceDatabase:
    """ScyllaDB as the job reaches it."""

    contact_points: Sequence[str]
    """`host:port` each."""
    datacenter: str
    tls: bool = False


@dataclass(frozen=True)
class TargetDatabase:
    """PostgreSQL as the job reaches it."""

    host: str
    port: int
    database: str
    sslmode: str
    trusted: str = ""
    """Authorities (PEM) by which the job verifies the server."""


@dataclass(frozen=True)
class Pipeline:
    """How the job sees how far the pipeline is."""

    connect_url: str
    source_connector: str
    sink_connector: str
    kafka_bootstrap_servers: str
    kafka: KafkaAccess
    rest: RestSecurity
    window_size_ms: int
    confidence_window_ms: int


@dataclass(frozen=True)
class Table:
    """A source table, its copy and its topic."""

    source: str
    target: str
    topic: str


@dataclass(frozen=True)
class Schedule:
    """When the job runs by itself, and what it does then."""

    cron: str
    """Five fields."""
    time_zone: str
    full_on: Sequence[str]
    """Days of the week on which the run is a full one; on the others it is incremental."""
    repair: str
    """`none`, `missing`, `mismatch` or `all`."""


@dataclass(frozen=True)
class ReconcileJobArgs:
    """The job and everything it talks to."""

    host: Host
    image: pulumi.Input[str]
    memory_mb: int
    secrets_volume: pulumi.Input[str]
    """Volume with the files that Vault Agent renders."""
    spool_volume: pulumi.Input[str]
    """Volume for what an unfinished run needs to go on."""
    source: SourceDatabase
    target: TargetDatabase
    pipeline: Pipeline
    tables: Sequence[Table]
    schedule: Schedule
    workers: int
    max_rows_per_second: int
    """0: unlimited."""
    tracing_endpoint: str = ""
    """URL that takes the job's spans by OTLP over HTTP; empty: it sends none."""


def reconcile_service(args: ReconcileJobArgs, *, publish: bool) -> ServiceArgs:
    """The job as a service; healthy while its schedule is alive and PostgreSQL answers.

    `publish` makes metrics and health reachable from the host.
    """
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="reconcile",
        memory_mb=args.memory_mb,
        # Runs on demand are for people; only the service logs for machines.
        command=["--log-format", "json", "serve"],
        ports=[Port(ports.RECONCILE, ports.PUBLISHED_RECONCILE)] if publish else [],
        volumes=[
            Volume(args.secrets_volume, SECRETS_PATH, read_only=True, driver_opts=SECRETS_VOLUME_OPTIONS),
            Volume(args.spool_volume, SPOOL_PATH),
        ],
        files=[
            File(CONFIG_FILE, yaml.safe_dump(reconcile_config(args), sort_keys=False)),
            *trusted_files(args.target.trusted),
            *_logins(args.pipeline),
        ],
        health=HealthCheck(health.python(ports.RECONCILE, "/healthz"), start_period_seconds=60),
        # A run that is stopped finishes the page at hand and writes its checkpoint.
        stop_timeout_seconds=60,
        capabilities=TO_ANOTHER_USER,
    )


def _kafka_config(kafka: KafkaAccess) -> dict[str, Any]:
    """What the brokers ask for, if anything."""
    login = {"kafka_sasl_mechanism": kafka.mechanism, "kafka_credentials_file": KAFKA_LOGIN}
    return ({"kafka_tls": True} if kafka.tls else {}) | (login if kafka.login else {})


def _logins(pipeline: Pipeline) -> list[File]:
    kafka, rest = pipeline.kafka.login, pipeline.rest
    return [
        *([login_file(KAFKA_LOGIN, kafka.username, kafka.password)] if kafka else []),
        *([login_file(CONNECT_LOGIN, rest.username, rest.password)] if rest.username else []),
    ]


def login_file(path: str, username: pulumi.Input[str], password: pulumi.Input[str]) -> File:
    """A login as the job reads it, for its user only."""
    content = pulumi.Output.concat("username=", username, "\npassword=", password, "\n")
    return File(path, content, secret=True, owner_uid=RECONCILE_UID)


def databases_config(source: SourceDatabase, target: TargetDatabase) -> dict[str, Any]:
    """The sections on both databases; logins are in the files that the Vault Agent renders."""
    return {
        "scylla": {
            "contact_points": list(source.contact_points),
            "datacenter": source.datacenter,
            **({"ca_file": CA_PATH} if source.tls else {}),
            "credentials_file": f"{SECRETS_PATH}/scylla.properties",
        },
        "postgres": {
            "host": target.host,
            "port": target.port,
            "database": target.database,
            "sslmode": target.sslmode,
            **({"sslrootcert": CA_PATH} if target.trusted else {}),
            "credentials_file": f"{SECRETS_PATH}/postgres.properties",
        },
    }


def reconcile_config(args: ReconcileJobArgs) -> dict[str, Any]:
    """The job's configuration file (`reconcile/settings.py`). It names files with logins and holds none."""
    return {
        **databases_config(args.source, args.target),
        "pipeline": {
            "connect_url": args.pipeline.connect_url,
            **({"connect_credentials_file": CONNECT_LOGIN} if args.pipeline.rest.username else {}),
            "source_connector": args.pipeline.source_connector,
            "sink_connector": args.pipeline.sink_connector,
            "kafka_bootstrap_servers": args.pipeline.kafka_bootstrap_servers,
            **_kafka_config(args.pipeline.kafka),
            **({"ca_file": CA_PATH} if args.target.trusted else {}),
            "window_size_ms": args.pipeline.window_size_ms,
            "confidence_window_ms": args.pipeline.confidence_window_ms,
        },
        "tables": [{"source": table.source, "target": table.target, "topic": table.topic} for table in args.tables],
        "run": {
            "workers": args.workers,
            "max_rows_per_second": args.max_rows_per_second or None,
            "spool_directory": SPOOL_PATH,
        },
        "schedule": {
            "cron": args.schedule.cron,
            "time_zone": args.schedule.time_zone,
            "full_on": list(args.schedule.full_on),
            "repair": args.schedule.repair,
        },
        # Inside the container; the host publishes it on its own terms.
        "serve": {"host": "0.0.0.0", "port": ports.RECONCILE},  # noqa: S104
        **({"tracing": {"endpoint": args.tracing_endpoint}} if args.tracing_endpoint else {}),
    }
