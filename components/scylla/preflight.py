"""Refuses source tables whose changes would not arrive in PostgreSQL, or would arrive wrong."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.provider_errors import ProviderError, short_errors
from components.registry_client import RegistryClient
from components.schema_check import Kind, registry_findings
from components.scylla.metadata import (
    ColumnKind,
    SourceColumn,
    SourceTable,
    read_source_table,
    split_table_name,
)
from components.scylla.provider import Properties, ScyllaProvider, diff_inputs, inputs_only
from components.scylla.session import CqlSession, ScyllaError
from components.scylla.table import MIN_CDC_TTL_SECONDS
from reconcile.types import UnsupportedTypeError, postgres_column, postgres_key_column

RECOMMENDED_CDC_TTL_SECONDS: Final = 604_800
_AVRO_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DATACENTER_QUERY: Final = "SELECT data_center FROM system.local"


class PreflightError(ScyllaError):
    """Some source tables cannot be replicated. The message lists every problem and its cure."""


@dataclass(frozen=True)
class ReplicatedTable:
    """What the configuration says of a replicated table."""

    source: str
    """`keyspace.table`."""
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...] = ()

    @staticmethod
    def from_properties(properties: Mapping[str, Any]) -> "ReplicatedTable":
        """From an entry of the input `tables`."""
        clustering_key = tuple(properties.get("clustering_key") or ())
        return ReplicatedTable(properties["source"], tuple(properties["partition_key"]), clustering_key)


@dataclass(frozen=True)
class Problem:
    """One reason why a table cannot be replicated, and what to do."""

    table: str
    text: str
    cure: str

    def __str__(self) -> str:
        return f"{self.table}: {self.text}. To do: {self.cure}"


def find_problems(declared: ReplicatedTable, table: SourceTable | None) -> list[Problem]:
    """Everything that keeps a table from being replicated; empty when it can be."""
    if table is None:
        cure = "create it, or take it out of the replicated tables"
        return [Problem(declared.source, "the table does not exist", cure)]
    problems = [*_key_problems(declared, table), *_column_problems(table)]
    is_counter_table = any(column.cql_type == "counter" for column in table.columns)
    return problems if is_counter_table else [*_cdc_problems(table), *problems]


def find_warnings(table: SourceTable) -> list[str]:
    """What works, but not as one may expect."""
    warnings = []
    if table.default_ttl_seconds:
        warnings.append(
            f"{table.full_name}: rows expire after {table.default_ttl_seconds} s (default_time_to_live), "
            "and expiry is not in the CDC log: such rows stay in PostgreSQL"
        )
    if table.cdc.preimage != "false":
        warnings.append(f"{table.full_name}: CDC writes preimages, which are not used and cost a read each")
    if table.cdc.enabled and table.cdc.ttl_seconds == 0:
        warnings.append(f"{table.full_name}: the CDC log never expires (ttl 0) and grows for ever")
    return warnings


def _cdc_problems(table: SourceTable) -> Iterator[Problem]:
    cdc, found = table.cdc, []
    if not cdc.enabled:
        found.append("CDC is not enabled")
    else:
        if not cdc.postimage:
            found.append("CDC writes no post-images, so that partial updates would lose columns")
        if cdc.delta != "full":
            found.append(f"CDC writes delta '{cdc.delta}', not full changes")
        if 0 < cdc.ttl_seconds < MIN_CDC_TTL_SECONDS:
            found.append(
                f"the CDC log keeps changes for {cdc.ttl_seconds} s, less than {MIN_CDC_TTL_SECONDS} s, "
                "so that a longer outage of the connector would lose changes"
            )
    if found:
        keep_ttl = cdc.enabled and (cdc.ttl_seconds == 0 or cdc.ttl_seconds >= MIN_CDC_TTL_SECONDS)
        ttl_seconds = cdc.ttl_seconds if keep_ttl else RECOMMENDED_CDC_TTL_SECONDS
        cured = replace(cdc, enabled=True, postimage=True, delta="full", ttl_seconds=ttl_seconds)
        cure = f"ALTER TABLE {table.full_name} WITH cdc = {cured.to_cql()};"
        yield Problem(table.full_name, "; ".join(found), cure)


def _key_problems(declared: ReplicatedTable, table: SourceTable) -> Iterator[Problem]:
    for part in ("partition_key", "clustering_key"):
        configured, actual = getattr(declared, part), getattr(table, part)
        if configured != actual:
            yield Problem(
                table.full_name,
                f"the {part} is ({', '.join(actual)}), the configuration says ({', '.join(configured)})",
                f"write {part}: [{', '.join(actual)}] for this table in the configuration",
            )
    for name in table.key:
        column = table.column(name)
        if column is not None:
            yield from _type_problem(table, column)


def _column_problems(table: SourceTable) -> Iterator[Problem]:
    for column in table.columns:
        drop = f"ALTER TABLE {table.full_name} DROP {_cql_name(column.name)};"
        if column.kind == ColumnKind.STATIC:
            yield Problem(
                table.full_name,
                f"column {column.name} is static: its changes arrive with an incomplete key",
                f"move it to a table of its own, then {drop}",
            )
        if not _AVRO_NAME.fullmatch(column.name):
            yield Problem(
                table.full_name,
                f"column {column.name}: this name cannot be written as Avro (letters, digits, underscores)",
                f"copy it to a column with another name, then {drop}",
            )
        if column.name not in table.key:
            yield from _type_problem(table, column)


def _type_problem(table: SourceTable, column: SourceColumn) -> Iterator[Problem]:
    try:
        if column.name in table.key:
            postgres_key_column(column.cql_type, column.name)
        else:
            postgres_column(column.cql_type, column.name)
    except UnsupportedTypeError as error:
        cure = "take the table out of the replicated tables"
        if column.name not in table.key and column.cql_type != "counter":
            cure = f"ALTER TABLE {table.full_name} DROP {_cql_name(column.name)}; or {cure}"
        yield Problem(table.full_name, str(error), cure)


def _cql_name(name: str) -> str:
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class PreflightArgs:
    """Arguments of `Preflight`."""

    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    tables: Input[Sequence[Input[Mapping[str, Any]]]]
    """`{"source": "shop.users", "partition_key": ["id"], "clustering_key": [], "topic": "cdc.shop.users"}` for each
    replicated table."""
    datacenter: Input[str] = ""
    """The datacenter that the connector is configured for; compared with the server's when not empty."""
    registry_url: Input[str] = ""
    """Confluent REST API of the schema registry, asked whether it takes the tables as they are; empty: not asked."""
    triggers: Input[Sequence[Any]] = ()
    """A change runs the check again, such as the declared columns of the tables."""


def tables_problem(tables: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with the input `tables`, or None."""
    for entry in tables:
        try:
            split_table_name(ReplicatedTable.from_properties(entry).source)
        except KeyError as error:
            return f"{entry.get('source', 'a table')}: {error} is missing"
        except ValueError as error:
            return str(error)
    return None


class PreflightProvider(ScyllaProvider):
    """Checks all tables at create and update; a refresh records problems and never fails."""

    input_checks = MappingProxyType({"tables": tables_problem})

    def registry(self, url: str) -> RegistryClient:
        """Open a client of the schema registry; tests put a fake here."""
        return RegistryClient(url, trusted=self._trusted)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Run again when an input changed or the last refresh found problems."""
        result = diff_inputs(_olds, _news)
        result.changes = result.changes or bool(_olds.get("problems"))
        return result

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Check. Raises PreflightError with all problems."""
        return CreateResult("preflight", self._apply(props))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Check. Raises PreflightError with all problems."""
        return UpdateResult(self._apply(_news))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Record problems in the state, so that the next `up` checks again. Never fails."""
        try:
            problems, warnings = self._inspect(props)
        except ProviderError:
            return ReadResult(id_, inputs_only(props))
        return ReadResult(id_, inputs_only(props) | {"problems": problems, "warnings": warnings})

    def _apply(self, props: Properties) -> Properties:
        problems, warnings = self._inspect(props)
        if problems:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise PreflightError(f"these tables cannot be replicated as they are:\n{listed}")
        return inputs_only(props) | {"problems": [], "warnings": warnings}

    def _inspect(self, props: Properties) -> tuple[list[str], list[str]]:
        problems, warnings = [], []
        with self.session(props) as session, ExitStack() as stack:
            url = props.get("registry_url")
            registry = stack.enter_context(self.registry(url)) if url else None
            problems += _datacenter_problems(session, props.get("datacenter", ""))
            for entry in props["tables"]:
                declared = ReplicatedTable.from_properties(entry)
                table = read_source_table(session, *split_table_name(declared.source))
                found = [str(problem) for problem in find_problems(declared, table)]
                if registry and table and not found:
                    found = [
                        f"{table.full_name}: {finding}"
                        for finding in registry_findings(registry, entry["topic"], table)
                        if finding.kind is Kind.PROBLEM
                    ]
                problems += found
                warnings += find_warnings(table) if table else []
        return problems, warnings


class Preflight(Resource, module="scylla", name="Preflight"):
    """A check of the source tables before the connectors start."""

    warnings: Output[list[str]]
    """What works, but not as one may expect."""

    def __init__(self, resource_name: str, args: PreflightArgs, opts: ResourceOptions | None = None) -> None:
        props = dict(vars(args)) | {"warnings": None, "problems": None}
        super().__init__(PreflightProvider(), resource_name, props, opts)


def _datacenter_problems(session: CqlSession, declared: str) -> list[str]:
    if not declared:
        return []
    actual = session.execute(_DATACENTER_QUERY)[0]["data_center"]
    if actual == declared:
        return []
    return [
        f"the configured datacenter is {declared}, the server says {actual}. "
        f"To do: write {actual} into the configuration"
    ]
