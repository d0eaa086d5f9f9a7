"""A service with a Vault Agent beside it, as containers or as Swarm services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.service import Service, ServiceArgs, named_volume
from components.swarm_service import Placement, SwarmService
from components.vault.agent import SECRETS_VOLUME_OPTIONS, AgentArgs, agent_service
from infra.settings import Settings


@dataclass(frozen=True)
class Volumes:
    """Names of the volumes of such a pair, without the stack's prefix."""

    secrets: str
    others: Sequence[str]
    """The agent's own, and those of the service."""


def run_beside_agent(
    settings: Settings,
    docker_provider: docker.Provider,
    agent: AgentArgs,
    service: ServiceArgs,
    volumes: Volumes,
    wait_for: Sequence[pulumi.Resource],
) -> list[Service]:
    """Start the agent, then the service; return those that run on the Docker host.

    Args:
        settings: say whether they run on Swarm.
        docker_provider: of the engine.
        agent: waits for its AppRole.
        service: waits for the agent as well.
        volumes: made on a Docker host; Swarm makes them on each node.
        wait_for: what the service waits for in addition.
    """
    docker_only = pulumi.ResourceOptions(providers={"docker": docker_provider})
    if settings.on_swarm:
        placement = settings.connect.placement
        options = _after(docker_only, [*agent.role.ready, *wait_for])
        rendered = SwarmService(agent.alias, agent_service(agent), Placement(placement, replicas=None), options)
        SwarmService(service.alias, service, Placement(placement, replicas=1), _after(options, [rendered]))
        return []
    # A volume of the same name would keep the old one's options.
    ours = pulumi.ResourceOptions(provider=docker_provider, delete_before_replace=True)
    made = [
        named_volume(volumes.secrets, agent.host, ours, SECRETS_VOLUME_OPTIONS),
        *(named_volume(name, agent.host, ours) for name in volumes.others),
    ]
    with_volumes = _after(docker_only, made)
    rendered_here = Service(agent.alias, agent_service(agent), _after(with_volumes, agent.role.ready))
    return [rendered_here, Service(service.alias, service, _after(with_volumes, [rendered_here, *wait_for]))]


def _after(options: pulumi.ResourceOptions, resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=list(resources)))
