"""`cdc doctor`: what is wrong, what is likely behind it, and the next step. Causes come before their consequences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from ops.status import Connector, Service, Status
from ops.watching import Alert, Watching
from reconcile.supervisor import REFUSED_SCHEMA


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong."""

    what: str
    cause: str
    """The likely one."""
    step: str
    """What to do next."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


_TRACES: Final = (
    (
        REFUSED_SCHEMA,
        "a source table was altered in a way that the registry's compatibility level does not allow",
        "`cdc schema check`, then docs/schema-evolution.md",
    ),
    (
        re.compile(r"SQLSTATE 42|does not exist|permission denied|no such table|missing column", re.IGNORECASE),
        "the target lacks a table, a column or a right",
        "`cdc schema check`; `make up` makes tables, columns and grants",
    ),
    (
        re.compile(r"authenticat|28P01|28000|password|credentials", re.IGNORECASE),
        "a database refuses the login: the rendered password is not the one that it has",
        "`docker logs` of the connector's vault-agent; `make up` sets roles and secrets again",
    ),
    (
        re.compile(r"UnknownTopicOrPartition|topic .* (is missing|not found)", re.IGNORECASE),
        "a topic is missing, and brokers do not create topics",
        "`make up`",
    ),
    (
        re.compile(r"NoHostAvailable|Connection refused|UnknownHost|timed? ?out", re.IGNORECASE),
        "a service that the connector needs does not answer",
        "cure that service; the reconcile job restarts the connector by itself",
    ),
)
"""Causes that a connector's trace tells."""
_UNKNOWN: Final = ("its trace does not say by itself", "read the whole trace: `make status ARGS='--format json'`")

_ALERTS: Final = {
    "CdcLatencyHigh": "Kafka Connect or PostgreSQL are slow: CPU, disk, locks, or a burst",
    "CdcConfidenceWindowTight": "ScyllaDB is slow, and changes may be lost",
    "CdcLogTtlNear": "the pipeline has stood still for long",
    "CdcSourceNotPolling": "the source hangs, or its task or worker is dead",
    "CdcSinkLagGrowing": "PostgreSQL takes fewer rows than come",
    "CdcOffsetCommitFailing": "a broker is away, or the group rebalances again and again",
    "CdcDlqNotEmpty": "PostgreSQL refused records, or they could not be converted",
    "CdcVaultSealed": "Vault was restarted",
    "CdcRotationFailed": "an agent's secret id is gone, or a database refuses to change a password",
    "CdcKafkaPartitionsUnhealthy": "a broker is away or too slow",
    "CdcDiskFilling": "logs or volumes have grown",
    "CdcCertificateEnds": "nobody has run `make up` for two months",
    "CdcReconcileOverdue": "runs fail or do not start",
    "CdcReconcileDifferences": "changes that the connector does not deliver, or writes to PostgreSQL by others",
    "CdcReconcileBreakerTripped": "so many differences at once are more likely a fault elsewhere",
    "CdcSupervisorGaveUp": "restarts do not cure what the connector's trace says",
    "CdcRegistryIncompatible": "a source table was altered in a way that its compatibility level does not allow",
}
"""Likely cause by alert. Those that only repeat what services and connectors say are not here."""
_STEPS: Final = {
    "CdcDlqNotEmpty": "`cdc dlq list`",
    "CdcVaultSealed": "`make up` unseals one of our own",
    "CdcCertificateEnds": "`make up` makes it anew",
    "CdcReconcileOverdue": "`make reconcile`",
    "CdcReconcileDifferences": "`make reconcile`",
    "CdcRegistryIncompatible": "`cdc schema check`",
}


def diagnose(status: Status) -> list[Diagnosis]:
    """Return what is wrong, causes first."""
    watching = status.watching
    down = [service for service in status.services if not service.ok]
    found = [_service(service) for service in down]
    found += [_connector(connector, bool(down)) for connector in status.connectors if not connector.ok]
    if watching and watching.error:
        found.append(Diagnosis("Prometheus says nothing", watching.error, "`docker logs` of its container"))
    elif watching:
        found += _watched(watching, explained=bool(found))
    return found


def _service(service: Service) -> Diagnosis:
    if service.state.startswith("missing"):
        cause, step = "its container was removed", "`make up` makes it again"
    elif service.state.startswith("exited"):
        cause, step = (
            "it was stopped, or ended",
            "`make up` starts it; if it ends again: `docker logs` of its container",
        )
    elif "restart" in service.state:
        cause, step = "it ends again and again: a wrong setting, or too little memory", "`docker logs` of its container"
    elif "does not answer" in service.state:
        cause, step = "it hangs, or its port is not reachable from here", "`docker logs` of its container, `make up`"
    elif service.state.startswith("starting"):
        cause, step = "it has just been started", "wait for its health check"
    else:
        cause, step = "its health check fails", "`docker logs` of its container"
    return Diagnosis(f"{service.name} is not well: {service.state}", cause, step)


def _connector(connector: Connector, services_down: bool) -> Diagnosis:
    what = f"connector {connector.name} is {connector.state}, tasks: {', '.join(connector.tasks) or 'none'}"
    if connector.state == "missing":
        return Diagnosis(what, "it was deleted by hand", "`make up` makes it again; it goes on from its offsets")
    if connector.state in ("PAUSED", "STOPPED"):
        return Diagnosis(what, "somebody has paused or stopped it", "resume it: PUT /connectors/<name>/resume")
    if services_down:
        return Diagnosis(what, "likely a consequence of the services above", "cure those first")
    for pattern, cause, step in _TRACES:
        if pattern.search(connector.error):
            return Diagnosis(what, cause, step)
    return Diagnosis(what, *_UNKNOWN)


def _watched(watching: Watching, explained: bool) -> Iterator[Diagnosis]:
    for alert in watching.alerts:
        if alert.name in _ALERTS:
            yield _alert(alert)
    if not explained and any(alert.name == "CdcCanaryOld" for alert in watching.alerts):
        yield Diagnosis(
            "rows do not arrive, and every service and connector looks well",
            "a task hangs, or the sink repeats a batch that PostgreSQL refuses for a passing reason",
            "see docs/runbooks.md#cdccanaryold: where do records stop?",
        )


def _alert(alert: Alert) -> Diagnosis:
    return Diagnosis(alert.summary, _ALERTS[alert.name], _STEPS.get(alert.name, f"see {alert.runbook}"))
