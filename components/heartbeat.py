"""Signs of life of services that have no port: files in a shared folder, whose age Prometheus shows.

Each file is an empty list of targets, so that Prometheus reads it by itself and knows when it was last written. On
Swarm, where a volume is that of one node, nobody gives or looks for signs of life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_docker as docker

from components.service import Host, Volume, named_volume

PATH: Final = "/run/heartbeats"
VOLUME: Final = "heartbeats"
VOLUME_OPTIONS: Final = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=1777"}
"""In memory; each service owns its own file."""


def heartbeats_volume(host: Host, opts: pulumi.ResourceOptions) -> docker.Volume:
    """The shared folder of a Docker host."""
    return named_volume(VOLUME, host, opts, VOLUME_OPTIONS)


def heartbeat_environment(host: Host, alias: str) -> Mapping[str, str]:
    """Tell a service's script which file to write; nothing where nobody looks."""
    return {"HEARTBEAT_FILE": f"{PATH}/{alias}.yml"} if host.heartbeats else {}


def heartbeat_volumes(host: Host, *, read_only: bool = False) -> list[Volume]:
    """The shared folder, for services that write to it or look at it."""
    return [Volume(host.heartbeats, PATH, read_only)] if host.heartbeats else []
