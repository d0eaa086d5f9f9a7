"""The stack's outputs, typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.errors import OpsError


@dataclass(frozen=True)
class Table:
    """One replicated table."""

    source: str
    target: str
    topic: str
    keys: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL type by column, as the last `up` has left the target."""


@dataclass(frozen=True)
class Login:
    """A user name with its password, which is never shown."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class StackOutputs:
    """What `pulumi up` exports."""

    endpoints: Mapping[str, str]
    """Addresses by service: kafka, schema_registry, connect, scylla, postgres, vault."""
    topics: Mapping[str, str]
    """Topic by source table, and those of the dead letter queue (`dlq`), its ledger (`dlq_ledger`), the heartbeats."""
    connectors: Mapping[str, str]
    """Connector names: source, sink."""
    tables: tuple[Table, ...]
    window_ms: int
    """Length of the source's CDC window, ms."""
    confidence_ms: int
    """How far the source stays behind the clock, ms."""
    containers: Mapping[str, str]
    """Container name by service; empty where nothing runs on the Docker host."""
    commands: Mapping[str, str]
    """What to run next, by purpose."""
    scylla: Login
    postgres: Login
    postgres_database: str
    trusted: str = ""
    """Authorities (PEM) by which servers are verified, beyond the system's own."""
    postgres_sslmode: str = "prefer"
    scylla_tls: bool = False
    kafka_tls: bool = False
    """Whether the brokers want TLS."""
    kafka_sasl_mechanism: str = ""
    kafka: Login | None = None
    """Where the brokers ask for a login."""
    connect: Login | None = None
    """Where Connect's REST API asks for a login."""
    trace_sample_ratio: float = 0
    """Part of the changes that is traced."""

    def table(self, source: str) -> Table | None:
        """Return the replicated table of that source name, if any."""
        return next((table for table in self.tables if table.source == source), None)


def _login(given: Mapping[str, Any] | None) -> Login | None:
    return Login(given["username"], given["password"]) if given else None


def parse_outputs(raw: Mapping[str, Any], stack: str) -> StackOutputs:
    """Read the outputs of `pulumi stack output --json --show-secrets`.

    Raises:
        OpsError: An output is missing, as after an `up` that did not finish.
    """
    if not raw:
        raise OpsError(f"Stack {stack} has no outputs: it is not up.", f"Run `make up STACK={stack}`.")
    try:
        credentials = raw["credentials"]
        transport = raw.get("transport") or {}
        return StackOutputs(
            endpoints=dict(raw["endpoints"]),
            topics=dict(raw["topics"]),
            connectors=dict(raw["connectors"]),
            tables=tuple(
                Table(
                    table["source"],
                    table["target"],
                    table["topic"],
                    tuple(table["keys"]),
                    dict(table.get("columns") or {}),
                )
                for table in raw["tables"]
            ),
            window_ms=int(raw["windows_ms"]["window"]),
            confidence_ms=int(raw["windows_ms"]["confidence"]),
            containers=dict(raw["containers"]),
            commands=dict(raw["commands"]),
            scylla=Login(credentials["scylla"]["username"], credentials["scylla"]["password"]),
            postgres=Login(credentials["postgres"]["username"], credentials["postgres"]["password"]),
            postgres_database=credentials["postgres"]["database"],
            trusted=transport.get("trusted", ""),
            postgres_sslmode=transport.get("postgres_sslmode", "prefer"),
            scylla_tls=bool(transport.get("scylla_tls")),
            kafka_tls=bool(raw["kafka_tls_enabled"]),
            kafka_sasl_mechanism=transport.get("kafka_sasl_mechanism", ""),
            kafka=_login(credentials.get("kafka")),
            connect=_login(credentials.get("connect")),
            trace_sample_ratio=float(raw["trace_sample_ratio"]),
        )
    except KeyError as missing:
        raise OpsError(
            f"Stack {stack} has no output {missing}: its last `up` did not finish.",
            f"Run `make up STACK={stack}`.",
        ) from None
