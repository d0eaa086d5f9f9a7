"""Services of a stack, and the gate behind which each one can be configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components import ports
from components.configured import Server
from components.gate import Gate, GateArgs, GateKind
from components.kafka import BrokerSecurity, KafkaCluster, KafkaClusterArgs, broker_aliases
from components.kafka_security import KafkaAccess
from components.postgres.server import PostgresServer, PostgresServerArgs
from components.schema_registry import SchemaRegistry, SchemaRegistryArgs
from components.scylla.server import ScyllaServer, ScyllaServerArgs
from components.service import Service
from components.vault.audit import audit_log
from components.vault.init import AdminToken, AdminTokenArgs, VaultInit, VaultInitArgs
from components.vault.server import VaultServer, VaultServerArgs
from components.vault.unsealer import UnsealerArgs, unsealer_service
from infra.kafka_clients import REGISTRY_USER, external_clients, own_clients
from infra.part import Ground, Part
from infra.providers import kafka_provider, postgres_provider, vault_provider

VAULT_HEALTH = "/v1/sys/health?standbyok=true&sealedcode=200&uninitcode=200"
"""Answers 200 whenever the server can be talked to, sealed or not."""


@dataclass(frozen=True)
class Kafka:
    """A cluster that can be configured."""

    server: Server
    bootstrap_inside: str
    bootstrap_outside: list[str]
    clients: Mapping[str, KafkaAccess]
    """How each client gets in."""
    ready: Sequence[pulumi.Resource] = ()
    """What clients wait for, besides the server: their users."""


@dataclass(frozen=True)
class Registry:
    """A schema registry that can be configured."""

    server: Server
    url_inside: str
    url_outside: str


@dataclass(frozen=True)
class Scylla:
    """A source database that can be configured."""

    server: Server
    contact_points_inside: list[str]
    contact_points_outside: list[str]


@dataclass(frozen=True)
class Postgres:
    """A target database that can be configured."""

    server: Server
    host_inside: str
    port_inside: int
    host_outside: str
    port_outside: int


@dataclass(frozen=True)
class Vault:
    """A secret store that is unsealed and lets Pulumi in."""

    server: Server
    address_inside: str
    address_outside: str


class Platform(Part):
    """Brings up, or finds, every backing service."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._monitored = self._settings.monitoring.enabled
        self.services: list[Service] = []

    def _ours(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(providers={"docker": self._docker})

    def _server(
        self, service: str, kind: GateKind, address: str, ours: Service | None, provider: pulumi.ProviderResource | None
    ) -> Server:
        """The gate of a service, and what lives inside of it."""
        if ours:
            self.services.append(ours)
        return Server(self._gate(service, kind, address, ours), ours.container if ours else None, provider)

    def _gate(self, service: str, kind: GateKind, address: str, ours: Service | None) -> Gate:
        return Gate(
            service,
            GateArgs(service=service, kind=kind, address=address, triggers=[ours.container.id] if ours else []),
            pulumi.ResourceOptions(depends_on=[ours] if ours else None),
        )

    def kafka(self) -> Kafka:
        """ZooKeeper and brokers."""
        settings = self._settings.kafka
        if settings.mode == "external":
            servers = settings.bootstrap_servers
            server = self._server(
                "kafka",
                "kafka" if not settings.tls_enabled else "tcp",
                servers[0],
                None,
                kafka_provider(self._settings, servers),
            )
            return Kafka(server, ",".join(servers), servers, external_clients(self._settings))
        cluster = KafkaCluster(
            "kafka",
            KafkaClusterArgs(
                host=self._host,
                zookeeper_image=self._images.java_id("zookeeper", monitored=self._monitored),
                kafka_image=self._images.java_id("kafka", monitored=self._monitored),
                brokers=settings.brokers,
                heap_mb=settings.heap_mb,
                replication_factor=settings.replication_factor,
                min_insync_replicas=settings.min_insync_replicas,
                monitored=self._monitored,
                security=self._broker_security(),
            ),
            self._ours(),
        )
        *others, last_broker = cluster.services
        self.services += others
        provider = kafka_provider(self._settings, cluster.bootstrap_outside)
        kind: GateKind = "kafka-tls" if self._settings.transport.enabled else "kafka"
        server = self._server("kafka", kind, cluster.bootstrap_outside[-1], last_broker, provider)
        clients, ready = own_clients(self._settings, server)
        return Kafka(server, cluster.bootstrap_inside, cluster.bootstrap_outside, clients, ready)

    def _broker_security(self) -> BrokerSecurity | None:
        names = broker_aliases(self._settings.kafka.brokers)
        signed = [self._certificates.server(name, [name], client=True) for name in names]
        certificates = [certificate for certificate in signed if certificate]
        if not certificates:
            return None
        return BrokerSecurity(certificates, self._settings.transport.authority_pem, self._settings.kafka.admin_password)

    def registry(self, kafka: Kafka) -> Registry:
        """The schema registry; it stores its schemas in Kafka."""
        settings = self._settings.registry
        if settings.mode == "external":
            url = settings.url
            return Registry(self._server("schema-registry", "http", f"{url}/subjects", None, None), url, url)
        registry = SchemaRegistry(
            "schema-registry",
            SchemaRegistryArgs(
                host=self._host,
                image=self._images.java_id("schema-registry", monitored=self._monitored),
                bootstrap_servers=kafka.bootstrap_inside,
                replication_factor=self._settings.kafka.replication_factor,
                monitored=self._monitored,
                kafka=kafka.clients[REGISTRY_USER],
                certificate=self._certificates.server("schema-registry", [SchemaRegistry.host_inside]),
                trusted=self._settings.transport.trusted,
            ),
            pulumi.ResourceOptions.merge(
                self._ours(), pulumi.ResourceOptions(depends_on=[kafka.server.gate, *kafka.ready])
            ),
        )
        server = self._server("schema-registry", "http", f"{registry.url_outside}/subjects", registry.service, None)
        return Registry(server, registry.url_inside, registry.url_outside)

    def scylla(self) -> Scylla:
        """The source database."""
        settings = self._settings.scylla
        kind: GateKind = "cql-tls" if settings.tls else "cql"
        if settings.mode == "external":
            points = settings.contact_points
            return Scylla(self._server("scylla", kind, points[0], None, None), points, points)
        stand_in_monitored = self._monitored and self._settings.docker.images == "testbed"
        scylla = ScyllaServer(
            "scylla",
            ScyllaServerArgs(
                host=self._host,
                image=self._images.java_id("scylla", monitored=stand_in_monitored),
                memory_mb=settings.memory_mb,
                jmx_exporter=stand_in_monitored,
                certificate=self._certificates.server("scylla", [ScyllaServer.host_inside]),
                trusted=self._settings.transport.trusted,
            ),
            self._ours(),
        )
        server = self._server("scylla", kind, scylla.contact_points_outside[0], scylla.service, None)
        return Scylla(server, scylla.contact_points_inside, scylla.contact_points_outside)

    def postgres(self) -> Postgres:
        """The target database."""
        settings = self._settings.postgres
        if settings.mode == "external":
            provider = postgres_provider(self._settings, settings.host, settings.port)
            server = self._server("postgres", "postgres", f"{settings.host}:{settings.port}", None, provider)
            return Postgres(server, settings.host, settings.port, settings.host, settings.port)
        postgres = PostgresServer(
            "postgres",
            PostgresServerArgs(
                host=self._host,
                image=self._images.id("postgres"),
                memory_mb=settings.memory_mb,
                admin_user=settings.admin_user,
                admin_password=settings.admin_password,
                certificate=self._certificates.server("postgres", [PostgresServer.host_inside]),
            ),
            self._ours(),
        )
        provider = postgres_provider(self._settings, postgres.host_outside, postgres.port_outside)
        address = self._host.address(ports.PUBLISHED_POSTGRES)
        server = self._server("postgres", "postgres", address, postgres.service, provider)
        return Postgres(
            server, postgres.host_inside, postgres.port_inside, postgres.host_outside, postgres.port_outside
        )

    def vault(self) -> Vault:
        """The secret store; one of our own is initialised and unsealed first."""
        settings = self._settings.vault
        if settings.mode == "external":
            address = settings.address
            provider = vault_provider(self._settings, address)
            return Vault(self._server("vault", "http", f"{address}{VAULT_HEALTH}", None, provider), address, address)
        vault = VaultServer(
            "vault",
            VaultServerArgs(
                host=self._host,
                image=self._images.id("vault"),
                monitored=self._monitored,
                trusted=self._settings.transport.trusted,
                certificate=self._certificates.server("vault", [VaultServer.host_inside]),
            ),
            self._ours(),
        )
        self.services.append(vault.service)
        address = vault.address_outside
        gate = self._gate("vault", "http", f"{address}{VAULT_HEALTH}", vault.service)
        container = vault.service.container
        init = VaultInit(
            "vault",
            VaultInitArgs(address=address, container_id=container.id),
            pulumi.ResourceOptions(depends_on=[gate], deleted_with=container),
        )
        token = AdminToken(
            "vault",
            AdminTokenArgs(address=address, root_token=init.root_token),
            pulumi.ResourceOptions(deleted_with=container),
        )
        self.services.append(self._unsealer(vault.address_inside, init))
        server = Server(token, container, vault_provider(self._settings, address))
        audit_log(server)
        return Vault(server, vault.address_inside, address)

    def _unsealer(self, address: str, init: VaultInit) -> Service:
        args = UnsealerArgs(
            host=self._host,
            image=self._images.id("vault"),
            vault_address=address,
            unseal_key=init.unseal_keys.apply(lambda keys: keys[0]),
            trusted=self._settings.transport.trusted,
        )
        return Service("vault-unsealer", unsealer_service(args), self._ours())
