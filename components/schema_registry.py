"""A schema registry that speaks Confluent's API, on one Docker host."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import ports
from components.jaas import APP_UID
from components.kafka_security import PLAIN_ACCESS, KafkaAccess, client_files, client_options
from components.observability.jmx import jmx_environment
from components.service import HealthCheck, Host, Port, Service, ServiceArgs


@dataclass(frozen=True)
class SchemaRegistryArgs:
    """Schemas are stored in Kafka, so ids survive a restart."""

    host: Host
    image: pulumi.Input[str]
    bootstrap_servers: str
    replication_factor: int
    """Replicas of the registry's own topic."""
    monitored: bool = False
    """The image holds the JMX exporter, and it is to run."""
    kafka: KafkaAccess = PLAIN_ACCESS
    """How it gets in at the brokers."""


class SchemaRegistry(pulumi.ComponentResource):
    """One registry server."""

    url_inside: str
    """URL as seen from the network."""
    url_outside: str
    """URL as seen from the host."""
    service: Service

    def __init__(self, name: str, args: SchemaRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:kafka:SchemaRegistry", name, {}, opts)
        self.service = Service(
            "schema-registry",
            ServiceArgs(
                image=args.image,
                host=args.host,
                alias="schema-registry",
                memory_mb=1024,
                env={
                    "SCHEMA_REGISTRY_HOST_NAME": "schema-registry",
                    "SCHEMA_REGISTRY_LISTENERS": f"http://0.0.0.0:{ports.SCHEMA_REGISTRY}",
                    "SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS": _with_protocol(args),
                    "SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR": str(args.replication_factor),
                    "SCHEMA_REGISTRY_HEAP_OPTS": "-Xms256m -Xmx384m",
                    **args.kafka.environment("SCHEMA_REGISTRY_KAFKASTORE_"),
                    **client_options(
                        args.kafka,
                        jmx_environment("SCHEMA_REGISTRY_OPTS", "schema-registry", enabled=args.monitored),
                        "SCHEMA_REGISTRY_OPTS",
                    ),
                },
                files=client_files(args.kafka, APP_UID),
                ports=[Port(ports.SCHEMA_REGISTRY, ports.PUBLISHED_SCHEMA_REGISTRY)],
                health=HealthCheck(f"curl -fsS http://localhost:{ports.SCHEMA_REGISTRY}/subjects"),
                scratch=("/etc/schema-registry", "/tmp", "/usr/logs"),  # noqa: S108 (of the container)
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.url_inside = f"http://schema-registry:{ports.SCHEMA_REGISTRY}"
        self.url_outside = f"http://{args.host.address(ports.PUBLISHED_SCHEMA_REGISTRY)}"
        self.register_outputs({"url": self.url_outside})


def _with_protocol(args: SchemaRegistryArgs) -> str:
    """Confluent's registry goes by the protocol that stands before an address, where it is not the plain one."""
    if args.kafka.protocol == "PLAINTEXT":
        return args.bootstrap_servers
    return ",".join(f"{args.kafka.protocol}://{server}" for server in args.bootstrap_servers.split(","))
