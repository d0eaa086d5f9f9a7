"""The canary: its table among the replicated ones, an agent with an AppRole of its own, and the service beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.canary import CanaryArgs, canary_service
from components.postgres.roles import CANARY_READER
from components.reconcile_job import SourceDatabase, TargetDatabase
from components.service import Service
from components.vault.secrets import AppRole, static_login
from infra.beside_agent import Volumes, run_beside_agent
from infra.part import Part
from infra.pipeline import CANARY
from infra.platform import Postgres, Scylla, Vault

SECRETS_VOLUME = "canary-secrets"
AGENT = "canary-agent"


class Canary(Part):
    """Agent and canary, as containers or as Swarm services."""

    def bring_up(
        self,
        services: tuple[Scylla, Postgres],
        vault: Vault,
        role: AppRole,
        wait_for: Sequence[pulumi.Resource],
    ) -> list[Service]:
        """Start agent and canary; return those that run on the Docker host."""
        logins = static_login(CANARY), static_login(CANARY_READER)
        agent = self._agent(AGENT, SECRETS_VOLUME, vault.address_inside, role, logins)
        volumes = Volumes(SECRETS_VOLUME, [AGENT])
        canary = canary_service(self._canary(services))
        return run_beside_agent(self._settings, self._docker, agent, canary, volumes, wait_for)

    def _canary(self, services: tuple[Scylla, Postgres]) -> CanaryArgs:
        scylla, postgres = services
        settings = self._settings
        return CanaryArgs(
            host=self._host,
            image=self._images.reconcile_id(),
            secrets_volume=self._host.volume_name(SECRETS_VOLUME),
            source=SourceDatabase(scylla.contact_points_inside, settings.scylla.datacenter, settings.scylla.tls),
            target=TargetDatabase(
                postgres.host_inside,
                postgres.port_inside,
                settings.postgres.database,
                settings.postgres.ssl_mode,
                settings.transport.trusted,
            ),
            every_seconds=settings.monitoring.canary.interval_seconds,
            window_size_ms=settings.connect.window_size_ms,
            confidence_window_ms=settings.connect.confidence_window_ms,
            cdc_ttl_seconds=settings.scylla.cdc_ttl_seconds,
        )
