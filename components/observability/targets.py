"""What Prometheus scrapes: the services of the stack and where each shows its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from components import ports


@dataclass(frozen=True)
class Target:
    """One service that shows metrics."""

    job: str
    """What kind of service it is; alerts and panels select by it."""
    service: str
    """Which one it is, by the name of its container."""
    address: str
    """`host:port` as seen from Prometheus."""
    path: str = "/metrics"
    parameters: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False

    def as_group(self) -> dict[str, object]:
        """Return the target as an entry of a file of targets."""
        labels = {"job": self.job, "service": self.service, "__metrics_path__": self.path}
        labels |= {"__scheme__": "https"} if self.tls else {}
        labels |= {f"__param_{name}": value for name, value in self.parameters.items()}
        return {"targets": [self.address], "labels": labels}


def java_target(job: str, service: str) -> Target:
    """Return a Java service that runs the JMX exporter."""
    return Target(job, service, f"{service}:{ports.JMX_METRICS}")


def vault_target(job: str, service: str, port: int, path: str, *, tls: bool = False) -> Target:
    """Return a Vault server or agent."""
    return Target(job, service, f"{service}:{port}", path, {"format": "prometheus"}, tls)


def targets_file(targets: Iterable[Target]) -> str:
    """Return the file that Prometheus watches."""
    return yaml.safe_dump([target.as_group() for target in targets], sort_keys=False)
