"""What the parts of a stack have in common."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi_docker as docker

from components.service import Host
from components.vault.agent import AgentArgs
from components.vault.secrets import AppRole
from infra.images import Images
from infra.settings import Settings
from infra.trust import Certificates


@dataclass(frozen=True)
class Ground:
    """What every part is built on."""

    settings: Settings
    docker_provider: docker.Provider
    images: Images
    host: Host
    certificates: Certificates


class Part:
    """Services that belong together, as containers or as Swarm services."""

    def __init__(self, ground: Ground) -> None:
        self._settings = ground.settings
        self._docker = ground.docker_provider
        self._images = ground.images
        self._host = ground.host
        self._certificates = ground.certificates

    def _agent(
        self, alias: str, secrets_volume: str, vault_address: str, role: AppRole, logins: tuple[str, str]
    ) -> AgentArgs:
        """The agent that renders this part's secrets; the volume of its own has its name.

        Args:
            alias: its name on the network.
            secrets_volume: where it renders them, without the stack's prefix.
            vault_address: Vault as seen from the network.
            role: what it logs in with.
            logins: paths in Vault of those at ScyllaDB and PostgreSQL.
        """
        scylla_login, postgres_login = logins
        return AgentArgs(
            host=self._host,
            image=self._images.id("vault"),
            vault_address=vault_address,
            trusted=self._settings.transport.trusted,
            role=role,
            secrets_volume=self._host.volume_name(secrets_volume),
            own_volume=self._host.volume_name(alias),
            scylla_login=scylla_login,
            postgres_login=postgres_login,
            alias=alias,
            monitored=self._settings.monitoring.enabled,
        )
