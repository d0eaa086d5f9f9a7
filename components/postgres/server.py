"""A PostgreSQL server on one Docker host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

from components import ports
from components.hardening import TO_OWN_VOLUMES
from components.service import File, HealthCheck, Host, Port, Service, ServiceArgs, Volume, named_volume
from components.tls.certificate import ServerCertificate
from components.tls.files import CERTIFICATE_PATH, FOLDER, KEY_PATH, server_files

POSTGRES_UID = 999
"""User `postgres` of the official image."""
PASSWORD_FILE = "/run/postgres-admin-password"  # noqa: S105 (a path)
HBA: Final = Path(__file__).parent / "files" / "pg_hba.conf"
HBA_PATH: Final = f"{FOLDER}/pg_hba.conf"
TLS_SETTINGS: Final = (
    *("-c", "ssl=on"),
    *("-c", f"ssl_cert_file={CERTIFICATE_PATH}"),
    *("-c", f"ssl_key_file={KEY_PATH}"),
    *("-c", f"hba_file={HBA_PATH}"),
)


@dataclass(frozen=True)
class PostgresServerArgs:
    """One server; the admin's password is read from a file, never from the environment."""

    host: Host
    image: pulumi.Input[str]
    memory_mb: int
    """Memory limit, MiB; a quarter of it becomes shared_buffers."""
    admin_user: str
    admin_password: pulumi.Input[str]
    certificate: ServerCertificate | None = None
    """With it the server takes TLS connections only."""


class PostgresServer(pulumi.ComponentResource):
    """One PostgreSQL server with its data on a volume."""

    host_inside: str = "postgres"
    port_inside: int = ports.POSTGRES
    host_outside: str
    port_outside: int
    service: Service

    def __init__(self, name: str, args: PostgresServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:postgres:PostgresServer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        data = named_volume("postgres-data", args.host, child)
        self.service = Service(
            "postgres",
            ServiceArgs(
                image=args.image,
                host=args.host,
                alias="postgres",
                memory_mb=args.memory_mb,
                env={"POSTGRES_USER": args.admin_user, "POSTGRES_PASSWORD_FILE": PASSWORD_FILE},
                # With the time of each commit, reconcile can tell a write by hand from one of the pipeline.
                command=[
                    *("-c", f"shared_buffers={args.memory_mb // 4}MB"),
                    *("-c", "max_wal_size=2GB"),
                    *("-c", "track_commit_timestamp=on"),
                    *(TLS_SETTINGS if args.certificate else ()),
                ],
                ports=[Port(ports.POSTGRES, ports.PUBLISHED_POSTGRES)],
                volumes=[Volume(data.name, "/var/lib/postgresql/data")],
                files=[
                    File(PASSWORD_FILE, args.admin_password, secret=True, owner_uid=POSTGRES_UID),
                    *_tls_files(args.certificate),
                ],
                # During its first start the server runs without TCP for a while; only TCP counts as ready.
                health=HealthCheck(f"exec pg_isready -q -h 127.0.0.1 -U {args.admin_user}"),
                capabilities=TO_OWN_VOLUMES,
            ),
            child,
        )
        self.host_outside = args.host.bind_address
        self.port_outside = ports.PUBLISHED_POSTGRES + args.host.port_offset
        self.register_outputs({"address": args.host.address(ports.PUBLISHED_POSTGRES)})


def _tls_files(certificate: ServerCertificate | None) -> list[File]:
    return [*server_files(certificate, POSTGRES_UID), File(HBA_PATH, HBA.read_text())] if certificate else []
