"""A long-running service on one Docker host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from components.hardening import DROPPED, MAX_PROCESSES, SCRATCH_OPTIONS

LOG_OPTIONS = {"max-size": "20m", "max-file": "3"}
"""Container logs are rotated: at most 60 MB stay on disk for each service."""


def go_duration(seconds: int) -> str:
    """A duration as the engine reports it back; any other spelling shows up as drift."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


@dataclass(frozen=True)
class Host:
    """The Docker host that a stack's containers share."""

    prefix: str
    """First part of the name of every container and volume."""
    network: pulumi.Input[str]
    """Name of the network that all containers join (on Swarm its id); their aliases are its DNS names."""
    bind_address: str = "127.0.0.1"
    """Host address on which ports are published."""
    port_offset: int = 0
    """Added to every published port, so that two stacks can share a host."""
    read_only_root: bool = False
    """Services that name what they write to get a root file system that cannot be written."""
    heartbeats: pulumi.Input[str] | None = None
    """Volume with the signs of life of services that have no port; None: nobody looks."""

    def volume_name(self, name: str) -> str:
        """Name on the engine of a volume of the stack."""
        return f"{self.prefix}-{name}"

    def address(self, port: int) -> str:
        """`host:port` under which a published port is reached from outside the network."""
        return f"{self.bind_address}:{port + self.port_offset}"


@dataclass(frozen=True)
class Port:
    """A container port published on the host."""

    internal: int
    published: int
    """Host port before the stack's port offset is added."""


@dataclass(frozen=True)
class Volume:
    """A named volume mounted into the container."""

    name: pulumi.Input[str]
    path: str
    read_only: bool = False
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    """How the local driver makes it where Swarm creates the volume on each node."""


@dataclass(frozen=True)
class File:
    """A file put into the container before it starts; a change of content replaces the container."""

    path: str
    content: pulumi.Input[str]
    secret: bool = False
    """Encrypted in the state, and readable by `owner_uid` only."""
    owner_uid: int = 0
    binary: bool = False
    """`content` is base64 of what the file holds."""

    @property
    def mode(self) -> str:
        """Octal permissions."""
        return "0400" if self.secret else "0444"

    @property
    def protected_content(self) -> pulumi.Input[str]:
        """The content, marked when it is secret."""
        return pulumi.Output.secret(self.content) if self.secret else self.content


@dataclass(frozen=True)
class HealthCheck:
    """A command inside the container that succeeds when the service can be used."""

    command: str
    """Shell command line; the images all have `sh`."""
    interval_seconds: int = 10
    """Each check costs the engine some 50 ms of CPU, and every service of the stack has one."""
    timeout_seconds: int = 5
    start_period_seconds: int = 180
    """Failures in this time do not count."""
    retries: int = 4

    @property
    def deadline_seconds(self) -> int:
        """How long `pulumi up` waits for the first success."""
        return self.start_period_seconds + self.interval_seconds * self.retries + 30


@dataclass(frozen=True)
class ServiceArgs:
    """What a service runs and what it needs."""

    image: pulumi.Input[str]
    """Image id or reference that exists on the engine."""
    host: Host
    alias: str
    """DNS name on the network, and last part of the container's name."""
    health: HealthCheck
    memory_mb: int
    """Memory limit, MiB."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment; never a secret, `docker inspect` shows it."""
    command: Sequence[str] = ()
    ports: Sequence[Port] = ()
    volumes: Sequence[Volume] = ()
    files: Sequence[File] = ()
    stop_timeout_seconds: int = 30
    capabilities: Sequence[str] = ()
    """Capabilities that the image needs to start; all others are dropped."""
    image_user: bool = False
    """The image starts as a user of its own. An engine looks for the owner of files among the users of its host then,
    so that such a user gets them through group 0."""
    scratch: Sequence[str] = ()
    """Folders that the service writes to besides its volumes; with them its root can be read-only, unless there are
    `files`: an engine puts none into a read-only root."""

    @property
    def read_only(self) -> bool:
        """Whether the root file system cannot be written."""
        return self.host.read_only_root and bool(self.scratch) and not self.files


class Service(pulumi.ComponentResource):
    """One container that is restarted unless stopped, and counts as created when it is healthy."""

    container: docker.Container
    name: str
    """The container's name on the host."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:docker:Service", name, {}, opts)
        host = args.host
        self.name = f"{host.prefix}-{args.alias}"
        self.container = docker.Container(
            name,
            name=self.name,
            image=args.image,
            envs=[f"{key}={value}" for key, value in sorted(args.env.items())],
            command=list(args.command) or None,
            hostname=args.alias,
            restart="unless-stopped",
            memory=args.memory_mb,
            # No swap: the engine's own default would show up as drift.
            memory_swap=args.memory_mb,
            security_opts=["no-new-privileges"],
            capabilities=docker.ContainerCapabilitiesArgs(adds=sorted(args.capabilities), drops=list(DROPPED)),
            ulimits=[docker.ContainerUlimitArgs(name="nproc", soft=MAX_PROCESSES, hard=MAX_PROCESSES)],
            read_only=args.read_only,
            tmpfs=dict.fromkeys(args.scratch, SCRATCH_OPTIONS) if args.read_only else None,
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            stop_timeout=args.stop_timeout_seconds,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=host.network, aliases=[args.alias])],
            ports=[
                docker.ContainerPortArgs(
                    internal=port.internal, external=port.published + host.port_offset, ip=host.bind_address
                )
                for port in args.ports
            ],
            volumes=[
                docker.ContainerVolumeArgs(
                    volume_name=volume.name, container_path=volume.path, read_only=volume.read_only
                )
                for volume in args.volumes
            ],
            group_adds=["0"] if args.files and args.image_user else None,
            uploads=[_upload(file, image_user=args.image_user) for file in args.files],
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD-SHELL", args.health.command],
                interval=go_duration(args.health.interval_seconds),
                timeout=go_duration(args.health.timeout_seconds),
                start_period=go_duration(args.health.start_period_seconds),
                retries=args.health.retries,
            ),
            wait=True,
            wait_timeout=args.health.deadline_seconds,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A container that never became healthy is made again; an update would go green without waiting.
                # A changed health check is ignored by the provider's own update.
                replace_on_changes=["#initerror", "healthcheck"],
                delete_before_replace=True,
            ),
        )
        self.register_outputs({"name": self.name})


def _upload(file: File, *, image_user: bool) -> docker.ContainerUploadArgs:
    return docker.ContainerUploadArgs(
        file=file.path,
        content=None if file.binary else file.protected_content,
        content_base64=file.protected_content if file.binary else None,
        permissions=file.mode.replace("0400", "0440") if image_user else file.mode,
        owner=None if image_user else str(file.owner_uid),
    )


def named_volume(
    name: str, host: Host, opts: pulumi.ResourceOptions, driver_opts: Mapping[str, str] | None = None
) -> docker.Volume:
    """A volume that outlives its container; with `driver_opts` the local driver mounts something special."""
    return docker.Volume(
        name, name=host.volume_name(name), driver_opts=dict(driver_opts) if driver_opts else None, opts=opts
    )
