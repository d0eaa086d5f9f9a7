"""Compares the source tables with the schema registry and the target tables of a stack that is up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from rich.table import Table as RichTable

from components.postgres.migrations import MigrationError, parse_migrations
from components.postgres.table_changes import plan_changes
from components.postgres.table_schema import PgConnection, TargetTableError, read_table, wanted_table
from components.registry_client import RegistryClient
from components.schema_check import Finding, Kind, Registry, registry_findings, target_findings
from components.scylla.metadata import SourceColumn, SourceTable, read_source_table, split_table_name
from components.scylla.preflight import ReplicatedTable, find_problems, find_warnings
from components.scylla.session import CqlSession
from ops.databases import open_postgres, open_scylla
from ops.errors import OpsError
from ops.outputs import StackOutputs
from reconcile.cdc_options import CdcOptions

CONNECT_TIMEOUT_SECONDS: Final = 5
_RETRY_SECONDS: Final = 5.0
_COLORS: Final = {Kind.PROBLEM: "bold red", Kind.CHANGE: "yellow", Kind.NOTE: "dim"}


@dataclass(frozen=True)
class DeclaredTable:
    """A table as the stack's configuration names it."""

    replicated: ReplicatedTable
    target: str
    topic: str
    migrations: tuple[Any, ...] = ()
    known: tuple[str, ...] | None = None
    """Columns that the target had after the last `up`; None when it was not there."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """CQL type by column of a table that `up` makes; empty when somebody else does."""

    @property
    def source(self) -> str:
        """`keyspace.table`."""
        return self.replicated.source


@dataclass(frozen=True)
class TableReport:
    """What was found about a table."""

    source: str
    target: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether rows can flow."""
        return all(finding.kind is not Kind.PROBLEM for finding in self.findings)


@dataclass(frozen=True)
class SchemaReport:
    """What was found about all tables."""

    tables: tuple[TableReport, ...]

    @property
    def ok(self) -> bool:
        """Whether rows of all tables can flow."""
        return all(table.ok for table in self.tables)

    def problems(self) -> list[str]:
        """A line for each problem, with its cure."""
        return [
            f"{table.source}: {finding}"
            for table in self.tables
            for finding in table.findings
            if finding.kind is Kind.PROBLEM
        ]

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "ok": self.ok,
            "tables": [
                {
                    "source": table.source,
                    "target": table.target,
                    "ok": table.ok,
                    "findings": [
                        {"kind": str(finding.kind), "text": finding.text, "cure": finding.cure}
                        for finding in table.findings
                    ],
                }
                for table in self.tables
            ],
        }

    def table(self) -> RichTable:
        """The report for a terminal."""
        shown = RichTable("source", "target", "", "finding", title="schemas")
        for table in self.tables:
            if not table.findings:
                shown.add_row(table.source, table.target, "[green]ok[/]", "fits")
            for finding in table.findings:
                color = _COLORS[finding.kind]
                shown.add_row(table.source, table.target, f"[{color}]{finding.kind}[/]", str(finding))
        return shown


@dataclass(frozen=True)
class Services:
    """Where the schemas are."""

    scylla: CqlSession
    postgres: PgConnection
    registry: Registry


def declared_tables(configured: Iterable[Mapping[str, Any]], outputs: StackOutputs) -> list[DeclaredTable]:
    """Read the stack file's tables, with what the last `up` has left of them. Raises OpsError."""
    found = []
    for entry in configured:
        try:
            found.append(_declared(entry, outputs))
        except (KeyError, MigrationError) as problem:
            name = entry.get("source", "an entry")
            raise OpsError(f"tables: {name}: {problem}", "`make preview` says more.") from None
    return found


def _declared(entry: Mapping[str, Any], outputs: StackOutputs) -> DeclaredTable:
    source, target = entry["source"], entry["target"]
    present = outputs.table(source)
    first = outputs.tables[0]
    return DeclaredTable(
        ReplicatedTable(source, tuple(entry["partitionKey"]), tuple(entry.get("clusteringKey", ()))),
        target,
        topic=f"{first.topic.removesuffix(first.source)}{source}",
        migrations=parse_migrations(entry.get("migrations", ())),
        known=tuple(present.columns) if present and present.target == target else None,
        columns=entry.get("columns") or {},
    )


def parse_assumptions(texts: Iterable[str], tables: Sequence[DeclaredTable]) -> dict[str, dict[str, str]]:
    """Read `keyspace.table.column=type` (no type: the column is gone); by table and column. Raises OpsError."""
    found: dict[str, dict[str, str]] = {}
    known = {table.source for table in tables}
    for text in texts:
        path, equals, cql_type = text.partition("=")
        source, _, column = path.rpartition(".")
        if not equals or not column or source not in known:
            raise OpsError(
                f"'{text}' names no column of a replicated table.", "Write for example shop.users.age=bigint."
            )
        found.setdefault(source, {})[column] = cql_type.strip()
    return found


def assume(table: SourceTable, columns: Mapping[str, str]) -> SourceTable:
    """The table as it would be with these types; no type: without the column."""
    kept = tuple(
        replace(column, cql_type=columns.get(column.name, column.cql_type))
        for column in table.columns
        if columns.get(column.name, column.cql_type)
    )
    names = {column.name for column in table.columns}
    new = (SourceColumn(name, cql_type) for name, cql_type in columns.items() if cql_type and name not in names)
    return replace(table, columns=(*kept, *new))


def check_tables(
    tables: Sequence[DeclaredTable], services: Services, assumed: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> SchemaReport:
    """Compare every table. Raises ScyllaError, RegistryError, psycopg.Error when a service fails."""
    reports = []
    for table in tables:
        source = read_source_table(services.scylla, *split_table_name(table.source))
        if source is None and table.columns:
            findings = [Finding(Kind.CHANGE, f"table {table.source} is made by the next `up`")]
        else:
            present = _as_up_leaves_it(table, source)
            if present is not None:
                present = assume(present, assumed.get(table.source, {}))
            findings = _findings(table, present, services)
        reports.append(TableReport(table.source, table.target, tuple(findings)))
    return SchemaReport(tuple(reports))


def _as_up_leaves_it(table: DeclaredTable, source: SourceTable | None) -> SourceTable | None:
    """The source table with the columns and CDC options that `up` gives to a table of its own."""
    if source is None or not table.columns:
        return source
    missing = [SourceColumn(name, cql) for name, cql in table.columns.items() if source.column(name) is None]
    cdc = replace(source.cdc, enabled=True, postimage=True, delta="full", ttl_seconds=CdcOptions().ttl_seconds)
    return replace(source, columns=(*source.columns, *missing), cdc=cdc)


def _findings(table: DeclaredTable, source: SourceTable | None, services: Services) -> list[Finding]:
    found = [Finding(Kind.PROBLEM, problem.text, problem.cure) for problem in find_problems(table.replicated, source)]
    if source is None or found:
        return found
    found += [Finding(Kind.NOTE, warning) for warning in find_warnings(source)]
    found += registry_findings(services.registry, table.topic, source)
    existing = read_table(services.postgres, table.target)
    try:
        wanted = wanted_table(source)
    except TargetTableError as problem:
        return [*found, Finding(Kind.PROBLEM, str(problem), "take the column or the table out of what is replicated")]
    plan = plan_changes(wanted, existing, table.target, table.migrations, table.known) if existing else None
    return [*found, *target_findings(table.target, plan)]


def open_registry(outputs: StackOutputs) -> RegistryClient:
    """A client of the stack's registry that gives up soon."""
    url = outputs.endpoints["schema_registry"]
    return RegistryClient(url, retry_seconds=_RETRY_SECONDS, trusted=outputs.trusted)


def open_services(outputs: StackOutputs, stack: ExitStack) -> Services:
    """Connect to the services; `stack` closes the connections. Raises ScyllaError, psycopg.Error."""
    session = stack.enter_context(open_scylla(outputs))
    postgres = open_postgres(outputs, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="cdc schema check")
    return Services(session, stack.enter_context(postgres), stack.enter_context(open_registry(outputs)))
