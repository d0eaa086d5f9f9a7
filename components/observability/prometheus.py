"""Prometheus: scrapes the stack's services, keeps what it saw, and evaluates the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from components import health, ports
from components.heartbeat import heartbeat_volumes
from components.observability.targets import Target, targets_file
from components.service import File, HealthCheck, Host, Port, ServiceArgs, Volume
from components.tls.files import CA_PATH, trusted_files

FILES: Final = Path(__file__).parent / "files"
CONFIG_PATH: Final = "/etc/prometheus"
DATA_PATH: Final = "/prometheus"
CERTIFICATE_RULES: Final = "certificates.yml"


@dataclass(frozen=True)
class PrometheusArgs:
    """The server and what it watches."""

    host: Host
    image: pulumi.Input[str]
    targets: Sequence[Target]
    on_swarm: bool
    """The Connect workers are tasks of a Swarm service, which DNS finds."""
    alertmanagers: Sequence[str]
    """`host:port` of whom alerts are sent to."""
    stack: str
    """Label of everything that leaves this server."""
    data_volume: pulumi.Input[str]
    retention_days: int
    memory_mb: int
    trusted: str = ""
    """Authorities (PEM) by which targets with TLS are verified."""
    certificate_ends: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """When the certificates of the stack's servers end, ISO 8601, by service."""


def prometheus_service(args: PrometheusArgs, *, publish: bool) -> ServiceArgs:
    """Prometheus as a service. `publish` makes its API reachable from the host."""
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="prometheus",
        memory_mb=args.memory_mb,
        command=[
            f"--config.file={CONFIG_PATH}/prometheus.yml",
            f"--storage.tsdb.path={DATA_PATH}",
            f"--storage.tsdb.retention.time={args.retention_days}d",
        ],
        ports=[Port(ports.PROMETHEUS, ports.PUBLISHED_PROMETHEUS)] if publish else [],
        volumes=[Volume(args.data_volume, DATA_PATH), *heartbeat_volumes(args.host, read_only=True)],
        files=[
            File(f"{CONFIG_PATH}/prometheus.yml", prometheus_config(args)),
            File(f"{CONFIG_PATH}/targets.yml", targets_file(args.targets)),
            File(f"{CONFIG_PATH}/alertmanagers.yml", yaml.safe_dump([{"targets": list(args.alertmanagers)}])),
            *_rules(args),
            *trusted_files(args.trusted),
        ],
        health=HealthCheck(health.wget(ports.PROMETHEUS, "/-/ready")),
    )


def _rules(args: PrometheusArgs) -> list[File]:
    files = {path.name: path.read_text() for path in rule_files()}
    if not args.certificate_ends:
        del files[CERTIFICATE_RULES]
    ends = pulumi.Output.from_input(dict(args.certificate_ends)).apply(certificate_end_rules)
    return [
        *(File(f"{CONFIG_PATH}/rules/{name}", content) for name, content in files.items()),
        *([File(f"{CONFIG_PATH}/rules/certificate-ends.yml", ends)] if args.certificate_ends else []),
    ]


def certificate_end_rules(ends: Mapping[str, Any]) -> str:
    """Return a rules file with a metric of when each certificate ends: no exporter knows it."""
    rules = [
        {
            "record": "cdc_certificate_end_timestamp_seconds",
            "expr": f"vector({datetime.fromisoformat(end).timestamp():.0f})",
            "labels": {"service": service},
        }
        for service, end in sorted(ends.items())
    ]
    return yaml.safe_dump({"groups": [{"name": "cdc-certificate-ends", "rules": rules}]}, sort_keys=False)


def rule_files() -> list[Path]:
    """Return the files with recording and alerting rules."""
    return sorted((FILES / "rules").glob("*.yml"))


def prometheus_config(args: PrometheusArgs) -> str:
    """Return `prometheus.yml`."""
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"]["external_labels"] = {"stack": args.stack}
    if args.trusted:
        for job in config["scrape_configs"]:
            job["tls_config"] = {"ca_file": CA_PATH}
    added = [
        *(["connect-on-swarm.yml"] if args.on_swarm else []),
        *(["heartbeats.yml"] if args.host.heartbeats else []),
    ]
    config["scrape_configs"] += [yaml.safe_load((FILES / name).read_text()) for name in added]
    return yaml.safe_dump(config, sort_keys=False)
