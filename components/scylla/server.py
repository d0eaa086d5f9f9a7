"""A ScyllaDB node on one Docker host."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import health, ports
from components.hardening import TO_OWN_VOLUMES
from components.observability.jmx import jmx_environment
from components.service import File, HealthCheck, Host, Port, Service, ServiceArgs, Volume, named_volume
from components.tls.certificate import ServerCertificate
from components.tls.files import CA_PATH, PAIR_PATH, pair_file, trusted_files


@dataclass(frozen=True)
class ScyllaServerArgs:
    """One node with password authentication."""

    host: Host
    image: pulumi.Input[str]
    memory_mb: int
    """Memory that ScyllaDB takes for itself, MiB."""
    jmx_exporter: bool = False
    """For the testbed's stand-in; ScyllaDB itself has metrics of its own."""
    certificate: ServerCertificate | None = None
    """With it the node takes TLS connections only."""
    trusted: str = ""
    """Authorities (PEM)."""


class ScyllaServer(pulumi.ComponentResource):
    """One ScyllaDB node; its default superuser still has the default password."""

    host_inside: str = "scylla"
    contact_points_inside: list[str]
    contact_points_outside: list[str]
    service: Service

    def __init__(self, name: str, args: ScyllaServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:scylla:ScyllaServer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        data = named_volume("scylla-data", args.host, child)
        self.service = Service(
            "scylla",
            ServiceArgs(
                image=args.image,
                host=args.host,
                alias=self.host_inside,
                memory_mb=args.memory_mb + 1536,
                command=[
                    *("--smp", "1", "--memory", f"{args.memory_mb}M", "--overprovisioned", "1"),
                    *("--developer-mode", "1"),
                    *("--authenticator", "PasswordAuthenticator", "--authorizer", "CassandraAuthorizer"),
                    *_tls_options(args),
                ],
                env=jmx_environment("STANDIN_JAVA_OPTS", "jvm", enabled=args.jmx_exporter),
                ports=[Port(ports.CQL, ports.PUBLISHED_CQL)],
                volumes=[Volume(data.name, "/var/lib/scylla")],
                files=_tls_files(args),
                health=HealthCheck(health.tcp(ports.CQL, "$(hostname -i)")),
                stop_timeout_seconds=60,
                # ScyllaDB's image runs it as root, on files of another user, below a supervisor.
                capabilities=(*TO_OWN_VOLUMES, "CAP_KILL"),
            ),
            child,
        )
        self.contact_points_inside = [f"{self.host_inside}:{ports.CQL}"]
        self.contact_points_outside = [args.host.address(ports.PUBLISHED_CQL)]
        self.register_outputs({"contact_points": self.contact_points_outside})


def _tls_options(args: ScyllaServerArgs) -> list[str]:
    if not args.certificate:
        return []
    # Key and certificate are in one file: Cassandra, on which the testbed's stand-in is built, takes them so only.
    options = {"enabled": "true", "certificate": PAIR_PATH, "keyfile": PAIR_PATH, "truststore": CA_PATH}
    return [word for name, value in options.items() for word in ("--client-encryption-options", f"{name}={value}")]


def _tls_files(args: ScyllaServerArgs) -> list[File]:
    if not args.certificate:
        return []
    return [*trusted_files(args.trusted), pair_file(args.certificate, owner_uid=0)]
