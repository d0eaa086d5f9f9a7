"""A schema registry that speaks Confluent's API, on one Docker host."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import health, ports
from components.jaas import APP_UID
from components.kafka_security import PLAIN_ACCESS, KafkaAccess, client_files, client_options
from components.observability.jmx import jmx_environment
from components.service import File, HealthCheck, Host, Port, Service, ServiceArgs
from components.tls.authority import KEYSTORE_PASSWORD
from components.tls.certificate import ServerCertificate
from components.tls.files import CA_PATH, KEYSTORE_PATH, keystore_file, trusted_files


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
    certificate: ServerCertificate | None = None
    """With it the registry speaks https only."""
    trusted: str = ""
    """Authorities (PEM) by which it verifies brokers, and its health check itself."""


class SchemaRegistry(pulumi.ComponentResource):
    """One registry server."""

    host_inside: str = "schema-registry"
    url_inside: str
    """URL as seen from the network."""
    url_outside: str
    """URL as seen from the host."""
    service: Service

    def __init__(self, name: str, args: SchemaRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:kafka:SchemaRegistry", name, {}, opts)
        scheme = "https" if args.certificate else "http"
        authority = CA_PATH if args.certificate else ""
        self.service = Service(
            "schema-registry",
            ServiceArgs(
                image=args.image,
                host=args.host,
                alias=self.host_inside,
                memory_mb=1024,
                env={
                    "SCHEMA_REGISTRY_HOST_NAME": self.host_inside,
                    "SCHEMA_REGISTRY_LISTENERS": f"{scheme}://0.0.0.0:{ports.SCHEMA_REGISTRY}",
                    "SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS": _with_protocol(args),
                    "SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR": str(args.replication_factor),
                    "SCHEMA_REGISTRY_HEAP_OPTS": "-Xms256m -Xmx384m",
                    **(_https_env() if args.certificate else {}),
                    **args.kafka.environment("SCHEMA_REGISTRY_KAFKASTORE_"),
                    **client_options(
                        args.kafka,
                        jmx_environment("SCHEMA_REGISTRY_OPTS", "schema-registry", enabled=args.monitored),
                        "SCHEMA_REGISTRY_OPTS",
                    ),
                },
                files=_files(args),
                image_user=True,
                ports=[Port(ports.SCHEMA_REGISTRY, ports.PUBLISHED_SCHEMA_REGISTRY)],
                health=HealthCheck(health.curl(ports.SCHEMA_REGISTRY, "/subjects", scheme, authority)),
                scratch=("/etc/schema-registry", "/tmp", "/usr/logs"),  # noqa: S108 (of the container)
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.url_inside = f"{scheme}://{self.host_inside}:{ports.SCHEMA_REGISTRY}"
        self.url_outside = f"{scheme}://{args.host.address(ports.PUBLISHED_SCHEMA_REGISTRY)}"
        self.register_outputs({"url": self.url_outside})


def _https_env() -> dict[str, str]:
    """Confluent's registry asks for the protocol between its instances as well, of which there is one."""
    return {
        "SCHEMA_REGISTRY_INTER_INSTANCE_PROTOCOL": "https",
        "SCHEMA_REGISTRY_SSL_KEYSTORE_TYPE": "PKCS12",
        "SCHEMA_REGISTRY_SSL_KEYSTORE_LOCATION": KEYSTORE_PATH,
        "SCHEMA_REGISTRY_SSL_KEYSTORE_PASSWORD": KEYSTORE_PASSWORD,
        "SCHEMA_REGISTRY_SSL_KEY_PASSWORD": KEYSTORE_PASSWORD,
    }


def _files(args: SchemaRegistryArgs) -> list[File]:
    of_client = client_files(args.kafka, APP_UID)
    if not args.certificate:
        return of_client
    # An external Kafka without TLS brings no authorities along.
    trust = trusted_files(args.trusted) if CA_PATH not in {file.path for file in of_client} else []
    return [*trust, *of_client, keystore_file(args.certificate, APP_UID)]


def _with_protocol(args: SchemaRegistryArgs) -> str:
    """Confluent's registry goes by the protocol that stands before an address, where it is not the plain one."""
    if args.kafka.protocol == "PLAINTEXT":
        return args.bootstrap_servers
    return ",".join(f"{args.kafka.protocol}://{server}" for server in args.bootstrap_servers.split(","))
