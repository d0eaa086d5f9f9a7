"""A ScyllaDB that answers the queries of our resources from memory and records every other statement."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config

from components.scylla.metadata import ColumnKind, SourceColumn, SourceTable
from components.scylla.provider import ScyllaProvider
from components.scylla.session import (
    Credentials,
    ScyllaAuthenticationError,
    ScyllaError,
    ScyllaUnreachableError,
)
from reconcile.cdc_options import CdcOptions

CONTACT_POINTS = ["127.0.0.1:9042"]
ADMIN_PASSWORD = "admin-secret"
REPLICATED = CdcOptions(enabled=True, postimage=True, ttl_seconds=604_800)

P = TypeVar("P", bound=ScyllaProvider)


@dataclass
class FakeScylla:
    """Its state is set by the test; statements that would change it are only recorded."""

    passwords: dict[str, str] = field(default_factory=lambda: {"cassandra": ADMIN_PASSWORD})
    keyspaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, SourceTable] = field(default_factory=dict)
    roles: list[dict[str, Any]] = field(default_factory=list)
    permissions: list[dict[str, str]] = field(default_factory=list)
    datacenter: str = "datacenter1"
    is_down: bool = False
    agrees: bool = True
    statements: list[str] = field(default_factory=list)
    open_sessions: int = 0

    @contextmanager
    def connect(self, contact_points: Sequence[str], credentials: Credentials) -> Iterator["FakeScylla"]:
        assert list(contact_points) == CONTACT_POINTS
        if self.is_down:
            raise ScyllaUnreachableError("down")
        if self.passwords.get(credentials.username) != credentials.password:
            raise ScyllaAuthenticationError(f"refuses {credentials.username}")
        self.open_sessions += 1
        try:
            yield self
        finally:
            self.open_sessions -= 1

    def execute(self, cql: str, parameters: Sequence[object] = (), *, secret: str = "") -> list[Mapping[str, Any]]:
        assert not secret or f"'{secret.replace(chr(39), chr(39) * 2)}'" in cql or "PASSWORD" not in cql
        if "system_schema.keyspaces" in cql:
            row = self.keyspaces.get(str(parameters[0]))
            return [row] if row else []
        if "system_schema.tables" in cql or "system_schema.columns" in cql:
            table = self.tables.get(".".join(map(str, parameters)))
            return _table_rows(cql, table) if table else []
        if "system.local" in cql:
            return [{"data_center": self.datacenter}]
        if cql == "LIST ROLES":
            return list(self.roles)
        if cql.startswith("LIST ALL PERMISSIONS"):
            return list(self.permissions)
        self.statements.append(cql)
        return []

    def wait_for_schema_agreement(self) -> None:
        if not self.agrees:
            raise ScyllaError("no agreement")


def configured(provider_class: type[P], server: FakeScylla, **config: str) -> P:
    """A provider that talks to the fake, configured as the engine does."""
    provider = provider_class()
    provider.connect = server.connect  # type: ignore[method-assign]
    settings = {"scyllaAdminPassword": ADMIN_PASSWORD, "postgresAdminPassword": "pg-secret"} | config
    raw = {f"demo:{key}": value for key, value in settings.items()}
    provider.configure(ConfigureRequest(Config(raw, "demo")))
    return provider


def users_table(cdc: CdcOptions = REPLICATED, **options: Any) -> SourceTable:
    columns = (
        SourceColumn("id", "uuid", ColumnKind.PARTITION_KEY, 0),
        SourceColumn("name", "text"),
        SourceColumn("age", "int"),
    )
    return SourceTable("shop", "users", options.pop("columns", columns), cdc, **options)


def encode_cdc_options(options: CdcOptions) -> bytes:
    """As ScyllaDB writes `system_schema.tables.extensions['cdc']`."""
    values = {
        "delta": options.delta,
        "enabled": str(options.enabled).lower(),
        "postimage": str(options.postimage).lower(),
        "preimage": options.preimage,
        "ttl": str(options.ttl_seconds),
    }
    texts = [text.encode() for pair in values.items() for text in pair]
    return struct.pack("<i", len(values)) + b"".join(struct.pack("<i", len(text)) + text for text in texts)


def _table_rows(cql: str, table: SourceTable) -> list[Mapping[str, Any]]:
    if "system_schema.tables" in cql:
        extensions = {"cdc": encode_cdc_options(table.cdc)} if table.cdc != CdcOptions() else None
        return [{"default_time_to_live": table.default_ttl_seconds, "extensions": extensions}]
    return [
        {"column_name": c.name, "type": c.cql_type, "kind": c.kind.value, "position": c.position} for c in table.columns
    ]
