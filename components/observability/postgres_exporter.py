"""The exporter of PostgreSQL's own metrics, with a role that sees statistics and no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components import health, ports
from components.service import File, HealthCheck, Host, ServiceArgs
from components.tls.files import CA_PATH, trusted_files

NOBODY_UID: Final = 65534
"""User of the exporter's image."""
PASSWORD_FILE: Final = "/etc/postgres-exporter/password"  # noqa: S105 a path


@dataclass(frozen=True)
class PostgresExporterArgs:
    """The exporter and the database it looks at."""

    host: Host
    image: pulumi.Input[str]
    postgres_host: str
    postgres_port: int
    database: str
    sslmode: str
    user: str
    password: pulumi.Input[str]
    trusted: str = ""
    """Authorities (PEM) by which it verifies the server."""


def postgres_exporter_service(args: PostgresExporterArgs) -> ServiceArgs:
    """The exporter as a service; healthy while it answers, with or without PostgreSQL."""
    address = f"{args.postgres_host}:{args.postgres_port}/{args.database}?sslmode={args.sslmode}"
    if args.trusted:
        address += f"&sslrootcert={CA_PATH}"
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="postgres-exporter",
        memory_mb=64,
        env={
            "DATA_SOURCE_URI": address,
            "DATA_SOURCE_USER": args.user,
            "DATA_SOURCE_PASS_FILE": PASSWORD_FILE,
        },
        files=[
            File(PASSWORD_FILE, args.password, secret=True, owner_uid=NOBODY_UID),
            *trusted_files(args.trusted),
        ],
        health=HealthCheck(health.wget(ports.POSTGRES_METRICS, "/")),
    )
