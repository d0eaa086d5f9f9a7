"""A whole stack: the components in the order in which data flows, and the stack's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pulumi
import pulumi_docker as docker

from components.heartbeat import heartbeats_volume
from components.service import Host, Service
from infra.canary import Canary
from infra.connect import SINK_CONNECTOR, SOURCE_CONNECTOR, Connect, ConnectWorkers, connectors
from infra.images import Images
from infra.kafka_clients import OPERATOR_USER
from infra.monitoring import Monitoring, endpoints
from infra.part import Ground
from infra.pipeline import (
    CANARY_ROLE,
    CONNECT_ROLE,
    DLQ_LEDGER_TOPIC,
    DLQ_TOPIC,
    RECONCILE_ROLE,
    Targets,
    heartbeat_topic,
    pipeline_secrets,
    pipeline_topics,
    registry_compatibility,
    source_tables,
    target_tables,
)
from infra.platform import Kafka, Platform, Postgres, Registry, Scylla, Vault
from infra.providers import docker_provider
from infra.reconcile import ReconcileJob, metrics_url
from infra.settings import Settings
from infra.tracing import traced
from infra.trust import Certificates


def deploy(settings: Settings) -> None:
    """Register every resource of the stack and export its outputs."""
    engine = docker_provider(settings)
    host = Host(
        prefix=settings.prefix,
        network=_network(settings, engine),
        bind_address=settings.docker.bind_address,
        port_offset=settings.docker.port_offset,
        read_only_root=settings.docker.read_only_root,
    )
    if settings.monitoring.enabled and not settings.on_swarm:
        volume = heartbeats_volume(host, pulumi.ResourceOptions(provider=engine))
        host = replace(host, heartbeats=volume.name)
    ground = Ground(settings, engine, Images(settings.docker, engine), host, Certificates(settings, host))
    platform = Platform(ground)

    kafka = platform.kafka()
    registry = platform.registry(kafka)
    scylla = platform.scylla()
    postgres = platform.postgres()
    vault = platform.vault()

    topics = pipeline_topics(settings, kafka)
    levels = registry_compatibility(settings, registry)
    sources = source_tables(settings, scylla, registry, levels)
    targets = target_tables(settings, scylla, postgres, sources)
    secrets = pipeline_secrets(settings, vault, (scylla, postgres), [*sources, *targets.ready])

    connect = ConnectWorkers(ground).bring_up(
        (kafka, registry), vault, secrets.roles[CONNECT_ROLE], [*topics, *kafka.ready]
    )
    connectors(settings, connect, (scylla, postgres, registry), [*topics, *levels, *sources, *targets.ready])

    reconcile = (
        ReconcileJob(ground).bring_up(
            (kafka, scylla, postgres, connect),
            vault,
            secrets.roles[RECONCILE_ROLE],
            [connect.server.gate, *sources, *targets.ready],
        )
        if settings.reconcile.enabled
        else []
    )

    watching = Monitoring(ground).bring_up(postgres) if settings.monitoring.enabled else []
    if settings.monitoring.canary.enabled:
        watching += Canary(ground).bring_up(
            (scylla, postgres), vault, secrets.roles[CANARY_ROLE], [*sources, *targets.ready]
        )

    containers = [*platform.services, *connect.services, *reconcile, *watching]
    _export(settings, (kafka, registry, scylla, postgres, vault, connect), containers)
    _export_tables(settings, targets)


def _network(settings: Settings, engine: docker.Provider) -> pulumi.Output[str]:
    network = docker.Network(
        "network",
        name=settings.prefix,
        driver="overlay" if settings.on_swarm else "bridge",
        opts=pulumi.ResourceOptions(provider=engine),
    )
    return network.id if settings.on_swarm else network.name


def _export(
    settings: Settings,
    services: tuple[Kafka, Registry, Scylla, Postgres, Vault, Connect],
    containers: Sequence[Service],
) -> None:
    kafka, registry, scylla, postgres, vault, connect = services
    pulumi.export(
        "endpoints",
        {
            "kafka": ",".join(kafka.bootstrap_outside),
            "schema_registry": registry.url_outside,
            "connect": connect.url,
            "scylla": ",".join(scylla.contact_points_outside),
            "postgres": f"{postgres.host_outside}:{postgres.port_outside}",
            "vault": vault.address_outside,
        }
        | ({"reconcile": metrics} if (metrics := metrics_url(settings)) else {})
        | endpoints(settings),
    )
    replicated = [table.replicated for table in settings.tables]
    pulumi.export(
        "topics",
        {table.source: table.topic(settings.connect.topic_prefix) for table in replicated}
        | {"dlq": DLQ_TOPIC, "dlq_ledger": DLQ_LEDGER_TOPIC, "heartbeat": heartbeat_topic(settings)},
    )
    pulumi.export("connectors", {"source": SOURCE_CONNECTOR, "sink": SINK_CONNECTOR})
    pulumi.export(
        "containers", {service.name.removeprefix(f"{settings.prefix}-"): service.name for service in containers}
    )
    pulumi.export(
        "windows_ms",
        {"window": settings.connect.window_size_ms, "confidence": settings.connect.confidence_window_ms},
    )
    pulumi.export("kafka_tls_enabled", settings.kafka.tls_enabled)
    pulumi.export("trace_sample_ratio", settings.tracing.sample_ratio if traced(settings) else 0)
    if settings.transport.trusted or settings.kafka.sasl_mechanism:
        pulumi.export("transport", _transport(settings))
    pulumi.export("commands", _commands(settings))
    pulumi.export("credentials", pulumi.Output.secret(_credentials(settings) | _logins(settings, kafka)))


def _export_tables(settings: Settings, targets: Targets) -> None:
    pulumi.export(
        "tables",
        [
            {
                "source": table.source,
                "target": table.target,
                "topic": table.topic(settings.connect.topic_prefix),
                "keys": [*table.partition_key, *table.clustering_key],
                "columns": targets.tables[table.source].columns,
            }
            for table in (each.replicated for each in settings.tables)
        ],
    )


def _transport(settings: Settings) -> dict[str, str | bool]:
    """How the operator's tools verify servers."""
    return {
        "trusted": settings.transport.trusted,
        "postgres_sslmode": settings.postgres.ssl_mode,
        "scylla_tls": settings.scylla.tls,
        "kafka_sasl_mechanism": settings.kafka.sasl_mechanism,
    }


def _commands(settings: Settings) -> dict[str, str]:
    """What a person would run next."""
    stack = settings.stack
    table = settings.tables[0].replicated.source
    reconcile = {"reconcile": f"make reconcile STACK={stack} ARGS='run --table {table}'"}
    return {
        "status": f"make status STACK={stack}",
        "demo": f"make demo STACK={stack}",
        "smoke": f"make smoke STACK={stack}",
        "down": f"make down STACK={stack}",
        "credentials": f"pulumi stack output credentials --show-secrets --json --stack {stack}",
    } | (reconcile if settings.reconcile.enabled else {})


def _logins(settings: Settings, kafka: Kafka) -> dict[str, pulumi.Input[dict[str, pulumi.Input[str]]]]:
    """What the operator's tools log in with at services that may ask for it."""
    login, connect = kafka.clients[OPERATOR_USER].login, settings.connect
    found: dict[str, pulumi.Input[dict[str, pulumi.Input[str]]]] = {}
    if login:
        found["kafka"] = {"username": login.username, "password": login.password}
    if connect.user:
        found["connect"] = {"username": connect.user, "password": connect.password}
    return found


def _credentials(settings: Settings) -> dict[str, pulumi.Input[dict[str, pulumi.Input[str]]]]:
    grafana: dict[str, pulumi.Input[dict[str, pulumi.Input[str]]]] = {
        "grafana": {"username": "admin", "password": settings.monitoring.grafana_password}
    }
    return (grafana if settings.monitoring.grafana else {}) | {
        "scylla": {"username": settings.scylla.admin_user, "password": settings.scylla.admin_password},
        "postgres": {
            "username": settings.postgres.admin_user,
            "password": settings.postgres.admin_password,
            "database": settings.postgres.database,
        },
    }
