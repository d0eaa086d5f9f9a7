"""The canary as a service: a row that is written every few seconds, and seen to arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import yaml

from components import health, ports
from components.hardening import TO_ANOTHER_USER
from components.reconcile_job import CONFIG_FILE, SourceDatabase, TargetDatabase, databases_config
from components.service import File, HealthCheck, Host, ServiceArgs, Volume
from components.tls.files import trusted_files
from components.vault.agent import SECRETS_PATH, SECRETS_VOLUME_OPTIONS

TABLE: Final = "cdc_monitor.canary"
"""Name of the source table, and of its copy."""
PARTITION_KEY: Final = ("slot",)
COLUMNS: Final = {"slot": "int", "beat_ms": "bigint"}


@dataclass(frozen=True)
class CanaryArgs:
    """The canary and both ends of its way."""

    host: Host
    image: pulumi.Input[str]
    """The reconcile job's."""
    secrets_volume: pulumi.Input[str]
    """Volume with the files that its Vault Agent renders."""
    source: SourceDatabase
    target: TargetDatabase
    every_seconds: int
    window_size_ms: int
    confidence_window_ms: int
    cdc_ttl_seconds: int


def canary_service(args: CanaryArgs) -> ServiceArgs:
    """The canary as a service; healthy while it works, whatever it sees."""
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="canary",
        memory_mb=192,
        command=["--log-format", "json", "canary"],
        volumes=[Volume(args.secrets_volume, SECRETS_PATH, read_only=True, driver_opts=SECRETS_VOLUME_OPTIONS)],
        files=[
            File(CONFIG_FILE, yaml.safe_dump(canary_config(args), sort_keys=False)),
            *trusted_files(args.target.trusted),
        ],
        health=HealthCheck(health.python(ports.CANARY, "/healthz"), interval_seconds=15, start_period_seconds=60),
        capabilities=TO_ANOTHER_USER,
    )


def canary_config(args: CanaryArgs) -> dict[str, Any]:
    """The canary's configuration file (`reconcile/canary/settings.py`). It names files with logins and holds none."""
    return {
        **databases_config(args.source, args.target),
        "source": TABLE,
        "target": TABLE,
        "every_seconds": args.every_seconds,
        "window_size_ms": args.window_size_ms,
        "confidence_window_ms": args.confidence_window_ms,
        "cdc_ttl_seconds": args.cdc_ttl_seconds,
        # Inside the network; the port is never published.
        "serve": {"host": "0.0.0.0", "port": ports.CANARY},  # noqa: S104
    }
