"""Which image plays which role, and the Kafka Connect image that is built here."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pulumi
import pulumi_docker as docker

from components.digest import tree_digest
from infra.settings import DockerSettings
from testbed.catalog import testbed_image

PUBLIC_IMAGES = {
    # Confluent Platform 7.6 carries Kafka 3.6; 7.5 carries 3.5, but its registry speaks to any broker.
    "zookeeper": "confluentinc/cp-zookeeper:7.6.1",
    "kafka": "confluentinc/cp-kafka:7.6.1",
    "schema-registry": "confluentinc/cp-schema-registry:7.5.3",
    "kafka-connect-base": "confluentinc/cp-kafka-connect-base:7.6.1",
    "scylla": "scylladb/scylla:5.4.2",
    "postgres": "postgres:15.5",
    "vault": "hashicorp/vault:1.15.4",
    "python": "python:3.11.11-slim-bookworm",
    "prometheus": "prom/prometheus:v2.48.1",
    "grafana": "grafana/grafana:10.2.3",
    "alertmanager": "prom/alertmanager:v0.26.0",
    "jaeger": "jaegertracing/all-in-one:1.51.0",
    "postgres-exporter": "quay.io/prometheuscommunity/postgres-exporter:v0.15.0",
}
PROJECT = Path(__file__).parents[1]
CONNECT_CONTEXT = "images/kafka-connect"
AGENTS_CONTEXT = "images/java-agents"
GRAFANA_SOURCES = ("images/grafana", "components/observability/files/dashboards")
RECONCILE_SOURCES = ("images/reconcile", "reconcile")
DIGEST_LENGTH = 12


class Images:
    """Images of one stack, pulled or found on the engine when a component first asks for one."""

    def __init__(self, settings: DockerSettings, provider: docker.Provider) -> None:
        self._settings = settings
        self._provider = provider
        self._known: dict[str, docker.RemoteImage] = {}

    def reference(self, role: str) -> str:
        """Name and tag of the image that plays a role."""
        if role in self._settings.image_overrides:
            return self._settings.image_overrides[role]
        return testbed_image(role) if self._settings.images == "testbed" else PUBLIC_IMAGES[role]

    def id(self, role: str) -> pulumi.Output[str]:
        """Id of the image on the engine; it is pulled if it is not there."""
        return self._image(role, self.reference(role)).image_id

    def connect_id(self) -> pulumi.Output[str]:
        """Id of the worker image with our plug-ins; built here unless the configuration names a finished one."""
        if "kafka-connect" in self._settings.image_overrides:
            return self.id("kafka-connect")
        plugins, agents = self._plugins(), self._agents()
        base = self._image("kafka-connect-base", self.reference("kafka-connect-base"))
        # What it is built upon counts as well: stacks of one host share tags, and would overwrite each other's.
        upon = (self.reference("kafka-connect-base"), self._plugins_reference(), self._agents_reference())
        parts = (tree_digest(PROJECT / CONNECT_CONTEXT), *upon)
        return self._image(
            "kafka-connect",
            f"scylla-pg-cdc/kafka-connect:{sha256(' '.join(parts).encode()).hexdigest()[:DIGEST_LENGTH]}",
            docker.RemoteImageBuildArgs(
                context=CONNECT_CONTEXT,
                build_args={"BASE_IMAGE": base.name, "PLUGINS_IMAGE": plugins.name, "AGENTS_IMAGE": agents.name},
            ),
            triggers={"plugins": plugins.image_id, "agents": agents.image_id, "base": base.image_id},
        ).image_id

    def java_id(self, role: str, *, monitored: bool) -> pulumi.Output[str]:
        """Id of the image of a Java service; a monitored one has the Java agents beside it and is built here."""
        if not monitored:
            return self.id(role)
        base, agents = self._image(role, self.reference(role)), self._agents()
        parts = (tree_digest(PROJECT / AGENTS_CONTEXT / "Dockerfile"), self.reference(role), self._agents_reference())
        return self._image(
            f"{role}-with-agents",
            f"scylla-pg-cdc/{role}-with-agents:{sha256(' '.join(parts).encode()).hexdigest()[:DIGEST_LENGTH]}",
            docker.RemoteImageBuildArgs(
                context=AGENTS_CONTEXT, build_args={"BASE_IMAGE": base.name, "AGENTS_IMAGE": agents.name}
            ),
            triggers={"agents": agents.image_id, "base": base.image_id},
        ).image_id

    def reconcile_id(self) -> pulumi.Output[str]:
        """Id of the reconcile job's image; built here unless the configuration names a finished one."""
        if "reconcile" in self._settings.image_overrides or self._settings.images == "testbed":
            return self.id("reconcile")
        base = self._image("python", self.reference("python"))
        digest = tree_digest(*(PROJECT / source for source in RECONCILE_SOURCES))
        return self._image(
            "reconcile",
            f"scylla-pg-cdc/reconcile:{digest[:DIGEST_LENGTH]}",
            docker.RemoteImageBuildArgs(
                context=".", dockerfile="images/reconcile/Dockerfile", build_args={"BASE_IMAGE": base.name}
            ),
            triggers={"base": base.image_id},
        ).image_id

    def grafana_id(self) -> pulumi.Output[str]:
        """Id of Grafana's image with our dashboards in it, built here."""
        base = self._image("grafana", self.reference("grafana"))
        digest = tree_digest(*(PROJECT / source for source in GRAFANA_SOURCES))
        parts = (digest, self.reference("grafana"))
        return self._image(
            "grafana-with-dashboards",
            f"scylla-pg-cdc/grafana:{sha256(' '.join(parts).encode()).hexdigest()[:DIGEST_LENGTH]}",
            docker.RemoteImageBuildArgs(
                context=".", dockerfile="images/grafana/Dockerfile", build_args={"BASE_IMAGE": base.name}
            ),
            triggers={"base": base.image_id},
        ).image_id

    def _plugins(self) -> docker.RemoteImage:
        """The connectors as an image; online it is built with Maven inside the engine."""
        if self._settings.images == "testbed":
            return self._image("connect-plugins", self._plugins_reference())
        return self._image(
            "connect-plugins",
            self._plugins_reference(),
            docker.RemoteImageBuildArgs(context=CONNECT_CONTEXT, dockerfile="plugins.Dockerfile"),
        )

    def _plugins_reference(self) -> str:
        if self._settings.images == "testbed":
            return self.reference("connect-plugins")
        return f"scylla-pg-cdc/connect-plugins:{tree_digest(PROJECT / CONNECT_CONTEXT)[:DIGEST_LENGTH]}"

    def _agents(self) -> docker.RemoteImage:
        """The Java agents as an image; online it is built with Maven inside the engine."""
        if self._settings.images == "testbed":
            return self._image("java-agents", self._agents_reference())
        return self._image(
            "java-agents",
            self._agents_reference(),
            docker.RemoteImageBuildArgs(context=AGENTS_CONTEXT, dockerfile="agents.Dockerfile"),
        )

    def _agents_reference(self) -> str:
        if self._settings.images == "testbed":
            return self.reference("java-agents")
        return f"scylla-pg-cdc/java-agents:{tree_digest(PROJECT / AGENTS_CONTEXT)[:DIGEST_LENGTH]}"

    def _image(
        self,
        role: str,
        reference: str,
        build: docker.RemoteImageBuildArgs | None = None,
        triggers: dict[str, pulumi.Input[str]] | None = None,
    ) -> docker.RemoteImage:
        if role not in self._known:
            self._known[role] = docker.RemoteImage(
                role,
                name=reference,
                build=build,
                triggers=triggers,
                # Removing an image that another stack's container uses would fail.
                keep_locally=True,
                opts=pulumi.ResourceOptions(provider=self._provider),
            )
        return self._known[role]
