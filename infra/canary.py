"""The canary: its table among the replicated ones, an agent with an AppRole of its own, and the service beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from components.canary import CanaryArgs, canary_service
from components.postgres.roles import CANARY_READER
from components.reconcile_job import SourceDatabase, TargetDatabase
from components.service import Host, Service, named_volume
from components.swarm_service import Placement, SwarmService
from components.vault.agent import SECRETS_VOLUME_OPTIONS, AgentArgs, agent_service
from components.vault.secrets import AppRole, static_login
from infra.images import Images
from infra.pipeline import CANARY
from infra.platform import Postgres, Scylla, Vault
from infra.settings import Settings

SECRETS_VOLUME = "canary-secrets"
AGENT_VOLUME = "canary-agent"


class Canary:
    """Agent and canary, as containers or as Swarm services."""

    def __init__(self, settings: Settings, docker_provider: docker.Provider, images: Images, host: Host) -> None:
        self._settings = settings
        self._docker = docker_provider
        self._images = images
        self._host = host

    def bring_up(
        self,
        services: tuple[Scylla, Postgres],
        vault: Vault,
        role: AppRole,
        wait_for: Sequence[pulumi.Resource],
    ) -> list[Service]:
        """Start agent and canary; return those that run on the Docker host."""
        agent = agent_service(
            AgentArgs(
                host=self._host,
                image=self._images.id("vault"),
                vault_address=vault.address_inside,
                role=role,
                secrets_volume=self._volume_name(SECRETS_VOLUME),
                own_volume=self._volume_name(AGENT_VOLUME),
                scylla_login=static_login(CANARY),
                postgres_login=static_login(CANARY_READER),
                alias="canary-agent",
                monitored=True,
            )
        )
        canary = canary_service(self._canary(services))
        if self._settings.connect.mode == "service":
            placement = self._settings.connect.placement
            options = pulumi.ResourceOptions(providers={"docker": self._docker}, depends_on=[*role.ready, *wait_for])
            rendered = SwarmService("canary-agent", agent, Placement(placement, replicas=None), options)
            after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[rendered]))
            SwarmService("canary", canary, Placement(placement, replicas=1), after)
            return []
        # A volume of the same name would keep the old one's options.
        ours = pulumi.ResourceOptions(provider=self._docker, delete_before_replace=True)
        secrets = named_volume(SECRETS_VOLUME, self._host, ours, SECRETS_VOLUME_OPTIONS)
        own = named_volume(AGENT_VOLUME, self._host, ours)
        options = pulumi.ResourceOptions(providers={"docker": self._docker}, depends_on=[secrets, own, *role.ready])
        rendered_here = Service("canary-agent", agent, options)
        after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[rendered_here, *wait_for]))
        return [rendered_here, Service("canary", canary, after)]

    def _volume_name(self, name: str) -> str:
        return f"{self._host.prefix}-{name}"

    def _canary(self, services: tuple[Scylla, Postgres]) -> CanaryArgs:
        scylla, postgres = services
        settings = self._settings
        return CanaryArgs(
            host=self._host,
            image=self._images.reconcile_id(),
            secrets_volume=self._volume_name(SECRETS_VOLUME),
            source=SourceDatabase(scylla.contact_points_inside, settings.scylla.datacenter),
            target=TargetDatabase(
                postgres.host_inside, postgres.port_inside, settings.postgres.database, settings.postgres.ssl_mode
            ),
            every_seconds=settings.monitoring.canary.interval_seconds,
            window_size_ms=settings.connect.window_size_ms,
            confidence_window_ms=settings.connect.confidence_window_ms,
            cdc_ttl_seconds=settings.scylla.cdc_ttl_seconds,
        )
