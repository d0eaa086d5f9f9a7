"""Kafka Connect: where the workers run, and the two connectors inside of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker as docker

from components import ports
from components.configured import Server
from components.gate import Gate, GateArgs
from components.kafka_connect.configs import (
    AvroConverterConfig,
    ConfluentJdbcSinkConfig,
    DebeziumJdbcSinkConfig,
    JdbcTarget,
    ScyllaSourceConfig,
)
from components.kafka_connect.connector import Connector, ConnectorArgs
from components.kafka_connect.rest import RestSecurity
from components.kafka_connect.restarter import RestarterArgs, restarter_service
from components.kafka_connect.worker import SWARM_TASK_NAME, WorkerArgs, worker_service
from components.postgres.roles import WRITER
from components.service import Service, ServiceArgs, named_volume
from components.swarm_service import Placement, SwarmService
from components.tls.certificate import ServerCertificate
from components.tls.files import CA_PATH
from components.tls.truststore import TrustStore
from components.vault.agent import SECRETS_VOLUME_OPTIONS, AgentArgs, agent_service
from components.vault.secrets import AppRole, static_login
from infra.kafka_clients import CONNECT_USER
from infra.part import Part
from infra.pipeline import CONNECT_GROUP, DLQ_TOPIC, READER, SOURCE_OFFSETS_TOPIC
from infra.platform import Kafka, Postgres, Registry, Scylla, Vault
from infra.settings import Settings
from infra.tracing import traced, tracing

SOURCE_CONNECTOR = "scylla-source"
SINK_CONNECTOR = "postgres-sink"
SECRETS_VOLUME = "connect-secrets"
AGENT = "vault-agent"
SWARM_GRACE_SECONDS = 5
"""The agents of several nodes render a new login within a second or two of each other."""


@dataclass(frozen=True)
class Connect:
    """A Connect cluster that takes connectors."""

    server: Server
    url: str
    """REST API as seen from where Pulumi runs."""
    url_inside: str
    """The same as seen from the network."""
    services: list[Service]


class ConnectWorkers(Part):
    """Agent and workers, as containers or as Swarm services."""

    def bring_up(
        self, services: tuple[Kafka, Registry], vault: Vault, role: AppRole, wait_for: Sequence[pulumi.Resource]
    ) -> Connect:
        """Start agent and workers, or find existing ones; the gate opens when the REST API answers."""
        kafka, registry = services
        settings = self._settings.connect
        if settings.mode == "external":
            gate = _connect_gate(settings.url, [], self._rest(None))
            return Connect(Server(gate, None), settings.url, settings.url, [])
        logins = static_login(READER), static_login(WRITER)
        agent = self._agent(AGENT, SECRETS_VOLUME, vault.address_inside, role, logins)
        workers = WorkerArgs(
            host=self._host,
            image=self._images.connect_id(),
            group=CONNECT_GROUP,
            bootstrap_servers=kafka.bootstrap_inside,
            replication_factor=self._settings.kafka.replication_factor,
            heap_mb=settings.heap_mb,
            workers=settings.workers,
            secrets_volume=self._host.volume_name(SECRETS_VOLUME),
            monitored=self._settings.monitoring.enabled,
            tracing=tracing(self._settings),
            trusted=self._settings.transport.trusted,
            truststore=self._truststore(registry),
            kafka=kafka.clients[CONNECT_USER],
            rest=self._rest(self._certificate()),
        )
        if self._settings.on_swarm:
            return self._swarm(agent, workers, [*role.ready, *wait_for])
        return self._containers(agent, workers, role, wait_for)

    def _swarm(self, agent: AgentArgs, workers: WorkerArgs, wait_for: Sequence[pulumi.Resource]) -> Connect:
        settings = self._settings.connect
        options = pulumi.ResourceOptions(providers={"docker": self._docker}, depends_on=list(wait_for))
        rendered = SwarmService(AGENT, agent_service(agent), Placement(settings.placement, replicas=None), options)
        service = SwarmService(
            "connect",
            worker_service(workers, "connect", publish=True, advertised_host=SWARM_TASK_NAME),
            Placement(settings.placement, replicas=settings.workers),
            pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[rendered])),
        )
        SwarmService(
            "connect-restarter",
            self._restarter("connect", SWARM_GRACE_SECONDS, workers.rest),
            Placement(settings.placement, replicas=1),
            pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[service])),
        )
        gate = _connect_gate(settings.url, [service.service], workers.rest)
        return Connect(Server(gate, None), settings.url, f"http://connect:{ports.CONNECT_REST}", [])

    def _containers(
        self, agent: AgentArgs, workers: WorkerArgs, role: AppRole, wait_for: Sequence[pulumi.Resource]
    ) -> Connect:
        # A volume of the same name would keep the old one's options.
        ours = pulumi.ResourceOptions(provider=self._docker, delete_before_replace=True)
        volumes = [
            named_volume(SECRETS_VOLUME, self._host, ours, SECRETS_VOLUME_OPTIONS),
            named_volume(AGENT, self._host, pulumi.ResourceOptions(provider=self._docker)),
        ]
        options = pulumi.ResourceOptions(providers={"docker": self._docker}, depends_on=volumes)
        rendered = Service(
            AGENT,
            agent_service(agent),
            pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=role.ready)),
        )
        services = [
            Service(
                alias,
                worker_service(workers, alias, publish=number == 1),
                pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[rendered, *wait_for])),
            )
            for number, alias in enumerate(worker_aliases(self._settings.connect.workers), start=1)
        ]
        restarter = Service(
            "connect-restarter",
            self._restarter(worker_aliases(1)[0], 0, workers.rest),
            pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=services)),
        )
        first = services[0].container
        scheme = workers.rest.scheme
        url = f"{scheme}://{self._host.address(ports.PUBLISHED_CONNECT_REST)}"
        gate = _connect_gate(url, [service.container for service in services], workers.rest)
        inside = f"{scheme}://{worker_aliases(1)[0]}:{ports.CONNECT_REST}"
        return Connect(Server(gate, first), url, inside, [rendered, *services, restarter])

    def _certificate(self) -> ServerCertificate | None:
        """Of all workers of one Docker host. On Swarm nobody knows the names of tasks before they run."""
        settings = self._settings.connect
        if settings.mode != "container":
            return None
        return self._certificates.server("connect", worker_aliases(settings.workers))

    def _truststore(self, registry: Registry) -> TrustStore | None:
        """Where a client of the workers that knows no PEM speaks TLS, and not with the system's authorities."""
        trusted = self._settings.transport.trusted
        needed = registry.url_inside.startswith("https:") or self._settings.scylla.tls
        return TrustStore("connect", trusted) if trusted and needed else None

    def _rest(self, certificate: ServerCertificate | None) -> RestSecurity:
        settings = self._settings.connect
        return RestSecurity(settings.user, settings.password, certificate)

    def _restarter(self, worker: str, grace_seconds: int, rest: RestSecurity) -> ServiceArgs:
        return restarter_service(
            RestarterArgs(
                host=self._host,
                image=self._images.connect_id(),
                connect_url=f"{rest.scheme}://{worker}:{ports.CONNECT_REST}",
                secrets_volume=self._host.volume_name(SECRETS_VOLUME),
                connectors={"scylla.properties": SOURCE_CONNECTOR, "postgres.properties": SINK_CONNECTOR},
                grace_seconds=grace_seconds,
                rest=rest,
                trusted=self._settings.transport.trusted,
            )
        )


def worker_aliases(workers: int) -> list[str]:
    """Names of the workers on one Docker host."""
    return [f"connect-{number}" for number in range(1, workers + 1)]


def _connect_gate(url: str, workers: Sequence[docker.Container | docker.Service], rest: RestSecurity) -> Gate:
    return Gate(
        "connect",
        GateArgs(
            service="connect",
            kind="http",
            address=f"{url}/connectors",
            # A gate does not log in: being asked to is an answer.
            expected_statuses=(rest.ready_status,),
            triggers=[worker.id for worker in workers],
        ),
        pulumi.ResourceOptions(depends_on=list(workers)),
    )


def connectors(
    settings: Settings,
    connect: Connect,
    services: tuple[Scylla, Postgres, Registry],
    wait_for: Sequence[pulumi.Resource],
) -> None:
    """The source, then the sink; each counts as created when it and its tasks run."""
    scylla, postgres, registry = services
    source = Connector(
        SOURCE_CONNECTOR,
        ConnectorArgs.of(SOURCE_CONNECTOR, connect.url, source_config(settings, scylla, registry)),
        connect.server.options(None, wait_for),
    )
    Connector(
        SINK_CONNECTOR,
        ConnectorArgs.of(SINK_CONNECTOR, connect.url, sink_config(settings, postgres, registry)),
        connect.server.options(None, [*wait_for, source]),
    )


def source_config(settings: Settings, scylla: Scylla, registry: Registry) -> ScyllaSourceConfig:
    """Configuration of the source connector."""
    connect = settings.connect
    return ScyllaSourceConfig(
        topic_prefix=connect.topic_prefix,
        contact_points=tuple(scylla.contact_points_inside),
        tables=tuple(table.replicated for table in settings.replicated),
        converter=AvroConverterConfig(registry.url_inside, auto_register=True),
        offsets_topic=SOURCE_OFFSETS_TOPIC,
        window_size_ms=connect.window_size_ms,
        confidence_window_ms=connect.confidence_window_ms,
        initial_lookback_ms=connect.initial_lookback_ms,
        heartbeat_interval_ms=connect.heartbeat_interval_ms,
        consistency_level=settings.scylla.consistency_level,
        datacenter=settings.scylla.datacenter,
        tls=settings.scylla.tls,
        tasks_max=connect.source_tasks_max,
        traced=traced(settings),
    )


def sink_config(
    settings: Settings, postgres: Postgres, registry: Registry
) -> DebeziumJdbcSinkConfig | ConfluentJdbcSinkConfig:
    """Configuration of the sink connector that the stack has chosen."""
    connect = settings.connect
    common: dict[str, Any] = {
        "target": JdbcTarget(
            host=postgres.host_inside,
            port=postgres.port_inside,
            database=settings.postgres.database,
            ssl_mode=settings.postgres.ssl_mode,
            ssl_root_cert=CA_PATH if settings.transport.trusted else "",
        ),
        "topic_prefix": connect.topic_prefix,
        "tables": tuple(table.replicated for table in settings.replicated),
        "converter": AvroConverterConfig(registry.url_inside, auto_register=False),
        "dlq_topic": DLQ_TOPIC,
        "dlq_replication_factor": settings.kafka.replication_factor,
        "batch_size": connect.sink_batch_size,
        "tasks_max": connect.sink_tasks_max,
        "traced": traced(settings),
    }
    if connect.sink_connector == "confluent":
        return ConfluentJdbcSinkConfig(**common)
    return DebeziumJdbcSinkConfig(
        schema_evolution=connect.schema_evolution, dead_key_policy=connect.sink_dead_key_policy, **common
    )
