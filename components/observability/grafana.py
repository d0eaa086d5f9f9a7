"""Grafana with our data source and dashboards, which its image holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components import health, ports
from components.observability.postgres_exporter import NOBODY_UID
from components.service import File, HealthCheck, Host, Port, ServiceArgs

PASSWORD_FILE: Final = "/run/grafana/admin-password"  # noqa: S105 a path


@dataclass(frozen=True)
class GrafanaArgs:
    """The server and its first login."""

    host: Host
    image: pulumi.Input[str]
    """Built by `images/grafana`."""
    admin_password: pulumi.Input[str]


def grafana_service(args: GrafanaArgs, *, publish: bool) -> ServiceArgs:
    """Grafana as a service. It keeps nothing of its own: dashboards are files, and the login is configuration."""
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="grafana",
        memory_mb=384,
        env={
            "GF_SECURITY_ADMIN_USER": "admin",
            "GF_SECURITY_ADMIN_PASSWORD__FILE": PASSWORD_FILE,
            "GF_USERS_ALLOW_SIGN_UP": "false",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/var/lib/cdc-dashboards/cdc-overview.json",
        },
        ports=[Port(ports.GRAFANA, ports.PUBLISHED_GRAFANA)] if publish else [],
        files=[File(PASSWORD_FILE, args.admin_password, secret=True, owner_uid=NOBODY_UID)],
        health=HealthCheck(health.wget(ports.GRAFANA, "/api/health")),
    )
