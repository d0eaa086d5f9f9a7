"""A long-running service on Docker Swarm, described by the same arguments as one on a single host."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.hardening import DROPPED
from components.service import File, ServiceArgs, go_duration

MIB = 1024 * 1024
NAME_DIGEST_LENGTH = 12


@dataclass(frozen=True)
class Placement:
    """Where and how often Swarm runs a service."""

    constraint: str
    """Placement constraint, e.g. `node.labels.cdc == true`."""
    replicas: int | None
    """Number of tasks; None runs one on every node that meets the constraint."""


class SwarmService(pulumi.ComponentResource):
    """A Swarm service with rolling updates; its files are Swarm configs and secrets."""

    service: docker.Service
    name: str

    def __init__(
        self, name: str, args: ServiceArgs, placement: Placement, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("scylla-pg-cdc:docker:SwarmService", name, {}, opts)
        self.name = f"{args.host.prefix}-{args.alias}"
        mode = (
            docker.ServiceModeArgs(global_=True)
            if placement.replicas is None
            else docker.ServiceModeArgs(replicated=docker.ServiceModeReplicatedArgs(replicas=placement.replicas))
        )
        self.service = docker.Service(
            name,
            name=self.name,
            mode=mode,
            task_spec=docker.ServiceTaskSpecArgs(
                container_spec=self._container(args),
                networks_advanceds=[
                    docker.ServiceTaskSpecNetworksAdvancedArgs(id=args.host.network, aliases=[args.alias])
                ],
                placement=docker.ServiceTaskSpecPlacementArgs(constraints=[placement.constraint]),
                resources=docker.ServiceTaskSpecResourcesArgs(
                    limits=docker.ServiceTaskSpecResourcesLimitsArgs(memory_bytes=args.memory_mb * MIB)
                ),
            ),
            endpoint_spec=docker.ServiceEndpointSpecArgs(
                ports=[
                    docker.ServiceEndpointSpecPortArgs(
                        target_port=port.internal, published_port=port.published + args.host.port_offset
                    )
                    for port in args.ports
                ]
            ),
            update_config=docker.ServiceUpdateConfigArgs(parallelism=1, order="stop-first", failure_action="rollback"),
            # Swarm counts tasks to tell whether it is done, which says nothing for one task on each node.
            converge_config=None
            if placement.replicas is None
            else docker.ServiceConvergeConfigArgs(delay="5s", timeout=go_duration(args.health.deadline_seconds)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.name})

    def _container(self, args: ServiceArgs) -> docker.ServiceTaskSpecContainerSpecArgs:
        return docker.ServiceTaskSpecContainerSpecArgs(
            image=args.image,
            args=list(args.command),
            env=dict(args.env),
            cap_adds=sorted(args.capabilities),
            cap_drops=list(DROPPED),
            stop_grace_period=f"{args.stop_timeout_seconds}s",
            configs=[self._config(file) for file in args.files if not file.secret],
            secrets=[self._secret(file) for file in args.files if file.secret],
            mounts=[
                docker.ServiceTaskSpecContainerSpecMountArgs(
                    target=volume.path,
                    source=volume.name,
                    type="volume",
                    read_only=volume.read_only,
                    volume_options=docker.ServiceTaskSpecContainerSpecMountVolumeOptionsArgs(
                        driver_name="local", driver_options=dict(volume.driver_opts)
                    )
                    if volume.driver_opts
                    else None,
                )
                for volume in args.volumes
            ],
            healthcheck=docker.ServiceTaskSpecContainerSpecHealthcheckArgs(
                tests=["CMD-SHELL", args.health.command],
                interval=go_duration(args.health.interval_seconds),
                timeout=go_duration(args.health.timeout_seconds),
                start_period=go_duration(args.health.start_period_seconds),
                retries=args.health.retries,
            ),
        )

    def _config(self, file: File) -> docker.ServiceTaskSpecContainerSpecConfigArgs:
        config = docker.ServiceConfig(
            self._label(file),
            name=self._unique_name(file),
            data=_base64(file),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return docker.ServiceTaskSpecContainerSpecConfigArgs(
            config_id=config.id, config_name=config.name, file_name=file.path, file_mode=int(file.mode, 8)
        )

    def _secret(self, file: File) -> docker.ServiceTaskSpecContainerSpecSecretArgs:
        secret = docker.Secret(
            self._label(file),
            name=self._unique_name(file),
            data=_base64(file),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return docker.ServiceTaskSpecContainerSpecSecretArgs(
            secret_id=secret.id,
            secret_name=secret.name,
            file_name=file.path,
            file_uid=str(file.owner_uid),
            file_mode=int(file.mode, 8),
        )

    def _label(self, file: File) -> str:
        return f"{self.name}-{file.path.strip('/').replace('/', '-')}"

    def _unique_name(self, file: File) -> pulumi.Output[str]:
        """Swarm configs and secrets never change, so new content gets a new name."""

        def name(content: str) -> str:
            digest = hashlib.sha256(content.encode()).hexdigest()[:NAME_DIGEST_LENGTH]
            return f"{self._label(file)[-50:]}-{digest}"

        # The digest of a secret of 128 bits and more tells nothing about it; the name itself has to be readable.
        return pulumi.Output.unsecret(pulumi.Output.from_input(file.content).apply(name))


def _base64(file: File) -> pulumi.Output[str]:
    if file.binary:
        return pulumi.Output.from_input(file.protected_content)
    return pulumi.Output.from_input(file.protected_content).apply(
        lambda content: base64.b64encode(content.encode()).decode()
    )
