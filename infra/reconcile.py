"""The reconcile job: an agent with an AppRole of its own, and the service beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components import ports
from components.kafka_connect.rest import RestSecurity
from components.postgres.roles import RECONCILE
from components.reconcile_job import (
    Pipeline,
    ReconcileJobArgs,
    Schedule,
    SourceDatabase,
    Table,
    TargetDatabase,
    reconcile_service,
)
from components.service import Service
from components.vault.secrets import AppRole, made_login, static_login
from infra.beside_agent import Volumes, run_beside_agent
from infra.connect import SINK_CONNECTOR, SOURCE_CONNECTOR, Connect
from infra.kafka_clients import RECONCILE_USER
from infra.part import Part
from infra.pipeline import RECONCILER
from infra.platform import Kafka, Postgres, Scylla, Vault
from infra.settings import Settings
from infra.tracing import tracing

SECRETS_VOLUME = "reconcile-secrets"
SPOOL_VOLUME = "reconcile-spool"
AGENT = "reconcile-agent"


class ReconcileJob(Part):
    """Agent and job, as containers or as Swarm services."""

    def bring_up(
        self,
        services: tuple[Kafka, Scylla, Postgres, Connect],
        vault: Vault,
        role: AppRole,
        wait_for: Sequence[pulumi.Resource],
    ) -> list[Service]:
        """Start agent and job; return those that run on the Docker host."""
        logins = static_login(RECONCILER), made_login(RECONCILE)
        agent = self._agent(AGENT, SECRETS_VOLUME, vault.address_inside, role, logins)
        volumes = Volumes(SECRETS_VOLUME, [SPOOL_VOLUME, AGENT])
        # Swarm would publish on every address of every node.
        job = reconcile_service(self._job(services), publish=not self._settings.on_swarm)
        return run_beside_agent(self._settings, self._docker, agent, job, volumes, wait_for)

    def _job(self, services: tuple[Kafka, Scylla, Postgres, Connect]) -> ReconcileJobArgs:
        kafka, scylla, postgres, connect = services
        settings = self._settings
        return ReconcileJobArgs(
            host=self._host,
            image=self._images.reconcile_id(),
            memory_mb=settings.reconcile.memory_mb,
            secrets_volume=self._host.volume_name(SECRETS_VOLUME),
            spool_volume=self._host.volume_name(SPOOL_VOLUME),
            source=SourceDatabase(scylla.contact_points_inside, settings.scylla.datacenter, settings.scylla.tls),
            target=TargetDatabase(
                postgres.host_inside,
                postgres.port_inside,
                settings.postgres.database,
                settings.postgres.ssl_mode,
                settings.transport.trusted,
            ),
            pipeline=Pipeline(
                connect_url=connect.url_inside,
                source_connector=SOURCE_CONNECTOR,
                sink_connector=SINK_CONNECTOR,
                kafka_bootstrap_servers=kafka.bootstrap_inside,
                kafka=kafka.clients[RECONCILE_USER],
                rest=RestSecurity(settings.connect.user, settings.connect.password),
                window_size_ms=settings.connect.window_size_ms,
                confidence_window_ms=settings.connect.confidence_window_ms,
            ),
            tables=[
                Table(table.source, table.target, table.topic(settings.connect.topic_prefix))
                for table in (configured.replicated for configured in settings.tables)
            ],
            schedule=Schedule(
                cron=settings.reconcile.schedule,
                time_zone=settings.reconcile.time_zone,
                full_on=settings.reconcile.full_on,
                repair=settings.reconcile.repair,
            ),
            workers=settings.reconcile.workers,
            max_rows_per_second=settings.reconcile.max_rows_per_second,
            tracing_endpoint=sink.endpoint if (sink := tracing(settings)) else "",
        )


def metrics_url(settings: Settings) -> str | None:
    """Where the job's metrics are read from outside the network; None where they are not published."""
    if not settings.reconcile.enabled or settings.on_swarm:
        return None
    return f"http://{settings.docker.bind_address}:{ports.PUBLISHED_RECONCILE + settings.docker.port_offset}/metrics"
