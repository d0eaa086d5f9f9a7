"""What restarts a connector after its login has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

from components.heartbeat import heartbeat_environment, heartbeat_volumes
from components.kafka_connect.rest import OPEN, RestSecurity
from components.service import HealthCheck, Host, ServiceArgs, Volume
from components.tls.files import trusted_files
from components.vault.agent import SECRETS_PATH, SECRETS_VOLUME_OPTIONS

SCRIPT: Final = Path(__file__).parent / "files" / "restarter.sh"


@dataclass(frozen=True)
class RestarterArgs:
    """The workers, and the files that their connectors read."""

    host: Host
    image: pulumi.Input[str]
    """The workers' image: it has the tools and the user that may read the files."""
    connect_url: str
    """REST API as seen from the network."""
    secrets_volume: pulumi.Input[str]
    connectors: Mapping[str, str]
    """Connector by the name of the file with its login."""
    grace_seconds: int
    """Time between a change and the restart, for other hosts to get their files."""
    rest: RestSecurity = OPEN
    trusted: str = ""
    """Authorities (PEM) by which it verifies the workers."""


def restarter_service(args: RestarterArgs) -> ServiceArgs:
    """The restarter as a service; healthy while it watches."""
    watched = " ".join(f"{SECRETS_PATH}/{file}={connector}" for file, connector in sorted(args.connectors.items()))
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="connect-restarter",
        memory_mb=64,
        env={
            "CONNECT_URL": args.connect_url,
            "WATCHED": watched,
            "GRACE_SECONDS": str(args.grace_seconds),
            **heartbeat_environment(args.host, "connect-restarter"),
            **args.rest.curl_environment(),
        },
        # In the command, because engines put no file into a read-only root, which this has where there is no login.
        command=["bash", "-c", SCRIPT.read_text()],
        volumes=[
            Volume(args.secrets_volume, SECRETS_PATH, read_only=True, driver_opts=SECRETS_VOLUME_OPTIONS),
            *heartbeat_volumes(args.host),
        ],
        files=[*(trusted_files(args.trusted) if args.rest.certificate else []), *args.rest.curl_files()],
        image_user=True,
        # Process 1 waits for the watchers and ends with the first of them.
        health=HealthCheck("true", interval_seconds=30, start_period_seconds=10),
        stop_timeout_seconds=2,
        scratch=("/tmp",),  # noqa: S108 (of the container)
    )
