"""What makes a stack visible: which services are watched, and what watches them. The pipeline never depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pulumi

from components import ports
from components.observability.alertmanager import AlertmanagerArgs, alertmanager_service
from components.observability.grafana import GrafanaArgs, grafana_service
from components.observability.jaeger import JaegerArgs, jaeger_service
from components.observability.postgres_exporter import PostgresExporterArgs, postgres_exporter_service
from components.observability.prometheus import PrometheusArgs, prometheus_service
from components.observability.targets import Target, java_target, vault_target
from components.postgres.roles import MONITOR, monitor_role
from components.service import Service, ServiceArgs, named_volume
from components.swarm_service import Placement, SwarmService
from infra.connect import worker_aliases
from infra.part import Part
from infra.platform import Postgres
from infra.settings import Settings

PROMETHEUS_VOLUME = "prometheus-data"
ALERTMANAGER_VOLUME = "alertmanager-data"
VAULT_METRICS_PATH = "/v1/sys/metrics"
AGENT_METRICS_PATH = "/agent/v1/metrics"


class Monitoring(Part):
    """Prometheus and the exporters that it needs, as containers or as Swarm services."""

    def bring_up(self, postgres: Postgres) -> list[Service]:
        """Start everything; return what runs on the Docker host."""
        role = monitor_role(postgres.server, self._settings.monitoring.postgres_password)
        started = [
            self._service(self._postgres_exporter(postgres), wait_for=[role]),
            self._service(self._prometheus(), volume=PROMETHEUS_VOLUME),
        ]
        if self._settings.monitoring.alertmanager:
            started.append(self._service(self._alertmanager(), volume=ALERTMANAGER_VOLUME))
        if self._settings.monitoring.grafana:
            started.append(self._service(self._grafana()))
        if self._settings.tracing.enabled:
            started.append(self._service(self._jaeger()))
        return [service for service in started if service]

    def _service(
        self, args: ServiceArgs, volume: str | None = None, wait_for: Sequence[pulumi.Resource] = ()
    ) -> Service | None:
        """Run a service where the stack's services run; on Swarm there is nothing to return.

        `volume` is the name of its own one, without the stack's prefix; Swarm makes it on the node.
        """
        options = pulumi.ResourceOptions(providers={"docker": self._docker}, depends_on=list(wait_for))
        if self._settings.on_swarm:
            SwarmService(args.alias, args, Placement(self._settings.connect.placement, replicas=1), options)
            return None
        made = [named_volume(volume, self._host, pulumi.ResourceOptions(provider=self._docker))] if volume else []
        return Service(args.alias, args, pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=made)))

    def _prometheus(self) -> ServiceArgs:
        monitoring = self._settings.monitoring
        return prometheus_service(
            PrometheusArgs(
                host=self._host,
                image=self._images.id("prometheus"),
                targets=list(targets(self._settings)),
                on_swarm=self._settings.on_swarm,
                alertmanagers=[f"alertmanager:{ports.ALERTMANAGER}"] if monitoring.alertmanager else [],
                stack=self._settings.stack,
                data_volume=self._host.volume_name(PROMETHEUS_VOLUME),
                retention_days=monitoring.retention_days,
                memory_mb=monitoring.memory_mb,
                trusted=self._settings.transport.trusted,
                certificate_ends=self._certificates.ends,
            ),
            # Swarm would publish on every address of every node.
            publish=not self._settings.on_swarm,
        )

    def _alertmanager(self) -> ServiceArgs:
        return alertmanager_service(
            AlertmanagerArgs(
                host=self._host,
                image=self._images.id("alertmanager"),
                data_volume=self._host.volume_name(ALERTMANAGER_VOLUME),
                webhook_url=self._settings.monitoring.alert_webhook_url,
            ),
            publish=not self._settings.on_swarm,
        )

    def _grafana(self) -> ServiceArgs:
        args = GrafanaArgs(
            host=self._host,
            image=self._images.grafana_id(),
            admin_password=self._settings.monitoring.grafana_password,
        )
        return grafana_service(args, publish=not self._settings.on_swarm)

    def _jaeger(self) -> ServiceArgs:
        return jaeger_service(
            JaegerArgs(host=self._host, image=self._images.id("jaeger")), publish=not self._settings.on_swarm
        )

    def _postgres_exporter(self, postgres: Postgres) -> ServiceArgs:
        return postgres_exporter_service(
            PostgresExporterArgs(
                host=self._host,
                image=self._images.id("postgres-exporter"),
                postgres_host=postgres.host_inside,
                postgres_port=postgres.port_inside,
                database=self._settings.postgres.database,
                sslmode=self._settings.postgres.ssl_mode,
                user=MONITOR,
                password=self._settings.monitoring.postgres_password,
                trusted=self._settings.transport.trusted,
            )
        )


def targets(settings: Settings) -> Iterator[Target]:
    """Yield everything that Prometheus scrapes, but Connect workers on Swarm, which it finds itself."""
    yield from _platform_targets(settings)
    yield from _job_targets(settings)
    if settings.monitoring.alertmanager:
        yield Target("alertmanager", "alertmanager", f"alertmanager:{ports.ALERTMANAGER}")
    if settings.monitoring.grafana:
        yield Target("grafana", "grafana", f"grafana:{ports.GRAFANA}")
    if settings.tracing.enabled:
        yield Target("jaeger", "jaeger", f"jaeger:{ports.JAEGER_METRICS}")
    yield Target("prometheus", "prometheus", f"127.0.0.1:{ports.PROMETHEUS}")
    for job, addresses in settings.monitoring.targets.items():
        path, parameters = (VAULT_METRICS_PATH, {"format": "prometheus"}) if job == "vault" else ("/metrics", {})
        yield from (Target(job, address.partition(":")[0], address, path, parameters) for address in addresses)


def _platform_targets(settings: Settings) -> Iterator[Target]:
    """The backing services that are ours."""
    if settings.kafka.mode == "container":
        yield java_target("zookeeper", "zookeeper")
        yield from (java_target("kafka", f"kafka-{number}") for number in range(1, settings.kafka.brokers + 1))
    if settings.registry.mode == "container":
        yield java_target("schema-registry", "schema-registry")
    if settings.scylla.mode == "container":
        yield _scylla(settings)
    if settings.vault.mode == "container":
        tls = settings.transport.enabled
        yield vault_target("vault", "vault", ports.VAULT_METRICS, VAULT_METRICS_PATH, tls=tls)
    yield Target("postgres", "postgres", f"postgres-exporter:{ports.POSTGRES_METRICS}")


def _job_targets(settings: Settings) -> Iterator[Target]:
    """What works on the rows: workers, reconcile job, canary, and the agents beside them."""
    agents = []
    if settings.connect.mode == "container":
        agents.append("vault-agent")
        yield from (java_target("connect", alias) for alias in worker_aliases(settings.connect.workers))
    if settings.reconcile.enabled:
        agents.append("reconcile-agent")
        yield Target("reconcile", "reconcile", f"reconcile:{ports.RECONCILE}")
    if settings.monitoring.canary.enabled:
        agents.append("canary-agent")
        yield Target("canary", "canary", f"canary:{ports.CANARY}")
    if not settings.on_swarm:  # on Swarm there is one of each on every node
        for agent in agents:
            yield vault_target("vault-agent", agent, ports.VAULT_AGENT_METRICS, AGENT_METRICS_PATH)


def _scylla(settings: Settings) -> Target:
    if settings.docker.images == "testbed":
        return java_target("scylla", "scylla")
    return Target("scylla", "scylla", f"scylla:{ports.SCYLLA_METRICS}")


def endpoints(settings: Settings) -> dict[str, str]:
    """Where what watches the stack is reached from the host, by name; nothing on Swarm, which publishes none of it."""
    if not settings.monitoring.enabled or settings.on_swarm:
        return {}
    host, offset = settings.docker.bind_address, settings.docker.port_offset
    published = {"prometheus": ports.PUBLISHED_PROMETHEUS}
    if settings.monitoring.alertmanager:
        published["alertmanager"] = ports.PUBLISHED_ALERTMANAGER
    if settings.monitoring.grafana:
        published["grafana"] = ports.PUBLISHED_GRAFANA
    if settings.tracing.enabled:
        published["jaeger"] = ports.PUBLISHED_JAEGER
    return {name: f"http://{host}:{port + offset}" for name, port in published.items()}
