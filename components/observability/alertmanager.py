"""Alertmanager: takes Prometheus' alerts and tells whoever is to know, through a webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import yaml

from components import health, ports
from components.observability.postgres_exporter import NOBODY_UID
from components.observability.prometheus import FILES
from components.service import File, HealthCheck, Host, Port, ServiceArgs, Volume

CONFIG_FILE: Final = "/etc/alertmanager/alertmanager.yml"
DATA_PATH: Final = "/alertmanager"
WEBHOOK: Final = "webhook"


@dataclass(frozen=True)
class AlertmanagerArgs:
    """The server and whom it tells."""

    host: Host
    image: pulumi.Input[str]
    data_volume: pulumi.Input[str]
    webhook_url: str
    """Where alerts are posted; empty: nowhere. It may hold a token, so it is kept like a password."""


def alertmanager_service(args: AlertmanagerArgs, *, publish: bool) -> ServiceArgs:
    """Alertmanager as a service. `publish` makes its API and page reachable from the host."""
    config = yaml.safe_dump(alertmanager_config(args.webhook_url), sort_keys=False)
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="alertmanager",
        memory_mb=96,
        command=[
            f"--config.file={CONFIG_FILE}",
            f"--storage.path={DATA_PATH}",
            # One of it: nobody to gossip with.
            "--cluster.listen-address=",
        ],
        ports=[Port(ports.ALERTMANAGER, ports.PUBLISHED_ALERTMANAGER)] if publish else [],
        volumes=[Volume(args.data_volume, DATA_PATH)],
        files=[File(CONFIG_FILE, config, secret=True, owner_uid=NOBODY_UID)],
        health=HealthCheck(health.wget(ports.ALERTMANAGER, "/-/ready")),
    )


def alertmanager_config(webhook_url: str) -> dict[str, Any]:
    """Return the configuration file."""
    config: dict[str, Any] = yaml.safe_load((FILES / "alertmanager.yml").read_text())
    if webhook_url:
        receiver = {"name": WEBHOOK, "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}
        config["receivers"].append(receiver)
        config["route"]["receiver"] = WEBHOOK
    return config
