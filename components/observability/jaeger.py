"""Jaeger: takes spans by OTLP, keeps the newest traces in memory, and finds them by their tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from components import health, ports
from components.service import HealthCheck, Host, Port, ServiceArgs

MOST_TRACES: Final = 10_000
"""Older ones are forgotten. With 20,000 Jaeger ran out of its memory under load, all changes traced."""
MEMORY_MB: Final = 512


@dataclass(frozen=True)
class JaegerArgs:
    """The server."""

    host: Host
    image: pulumi.Input[str]


def jaeger_service(args: JaegerArgs, *, publish: bool) -> ServiceArgs:
    """Jaeger as a service. `publish` makes its page and API reachable from the host."""
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="jaeger",
        memory_mb=MEMORY_MB,
        # Garbage is collected before the limit ends it.
        env={"GOMEMLIMIT": f"{MEMORY_MB * 4 // 5}MiB"},
        command=[
            f"--memory.max-traces={MOST_TRACES}",
            f"--collector.otlp.http.host-port=:{ports.OTLP}",
            "--log-level=warn",
        ],
        ports=[Port(ports.JAEGER, ports.PUBLISHED_JAEGER)] if publish else [],
        health=HealthCheck(health.wget(ports.JAEGER_METRICS, "/")),
        scratch=("/tmp",),  # noqa: S108 (of the container)
    )
