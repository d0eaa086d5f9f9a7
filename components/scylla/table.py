"""A replicated table, with CDC and post-images, as a resource."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, ReadResult, Resource, UpdateResult

from components.provider_errors import short_errors
from components.scylla.metadata import SourceTable, read_source_table
from components.scylla.provider import Properties, ScyllaProvider, inputs_only, name_problem
from components.scylla.session import ScyllaError, quote_name
from components.unknowns import has_unknowns
from reconcile.cdc_options import CdcOptions
from reconcile.types import UnsupportedTypeError, canonical_cql_type, postgres_column, postgres_key_column

MIN_CDC_TTL_SECONDS = 3600
"""A shorter life of the log would lose changes in any longer outage of the connector."""


def cdc_problem(cdc: Mapping[str, Any]) -> str | None:
    """What is wrong with CDC options, or None."""
    ttl_seconds = cdc.get("ttl_seconds", 0)
    if ttl_seconds == 0 or ttl_seconds >= MIN_CDC_TTL_SECONDS:
        return None
    return f"ttl_seconds {ttl_seconds} is too short: at least {MIN_CDC_TTL_SECONDS}, or 0 for ever"


class TableConflictError(ScyllaError):
    """The table that is there cannot become the declared one without losing data."""


@dataclass(frozen=True)
class TableArgs:
    """Arguments of `Table`."""

    keyspace: Input[str]
    """Keyspace of the table; a change makes another table."""
    name: Input[str]
    """Name of the table; a change makes another table."""
    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    columns: Input[Mapping[str, Input[str]]]
    """CQL type by column name. Columns can be added later; none is ever dropped or changed."""
    partition_key: Input[Sequence[Input[str]]]
    """Columns of the partition key, in order. Fixed once the table exists."""
    clustering_key: Input[Sequence[Input[str]]] = ()
    """Columns of the clustering key, in order. Fixed once the table exists."""
    cdc_ttl_seconds: Input[int] = 604_800
    """How long changes stay in the CDC log, and so how long the connector may be down; 0 = for ever."""
    retain: Input[bool] = True
    """True: deleting the resource leaves the table and its data. False: it is dropped."""


class TableProvider(ScyllaProvider):
    """Creates a table or adopts it, adds columns, and keeps its CDC options."""

    replace_on = frozenset({"keyspace", "name"})
    input_checks = MappingProxyType(
        {
            "keyspace": name_problem,
            "name": name_problem,
            "partition_key": lambda key: None if key else "needs at least one column",
            "cdc": cdc_problem,
        }
    )

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Validate names, types and keys, and refuse changes that would lose data; no network."""
        result = super().check(_olds, news)
        parts = {name: news.get(name) for name in ("keyspace", "name", "columns", "partition_key")}
        parts["clustering_key"] = news.get("clustering_key") or []
        if not result.failures and not has_unknowns(parts):
            result.failures += _column_failures(news) or _change_failures(_olds, news)
        return result

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Create the table, or bring the one that is there to what is declared."""
        return CreateResult(f"{props['keyspace']}.{props['name']}", self._apply(props, dropped=set()))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Add columns and set CDC options."""
        return UpdateResult(self._apply(_news, dropped=set(_olds.get("columns", {})) - set(_news["columns"])))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Report declared columns and CDC as they are; a table that is gone leaves the state."""
        with self.session(props) as session:
            table = read_source_table(session, props["keyspace"], props["name"])
        if table is None:
            return ReadResult(None, {})
        observed = inputs_only(props) | {
            "columns": _observed_columns(props["columns"], table),
            "partition_key": list(table.partition_key),
            "clustering_key": list(table.clustering_key),
            "cdc": asdict(table.cdc),
        }
        return ReadResult(id_, observed, inputs=dict(observed))

    @short_errors
    def delete(self, _id: str, _props: Properties) -> None:
        """Leave the table, or drop it when `retain` is false."""
        if _props.get("retain", True):
            return
        with self.session(_props) as session:
            session.execute(f"DROP TABLE IF EXISTS {_qualified(_props)}")
            session.wait_for_schema_agreement()

    def _apply(self, props: Properties, dropped: set[str]) -> Properties:
        with self.session(props) as session:
            table = read_source_table(session, props["keyspace"], props["name"])
            if table is None:
                session.execute(create_statement(props))
            else:
                _refuse_conflicts(table, props, dropped)
                for statement in alter_statements(table, props):
                    session.execute(statement)
            session.wait_for_schema_agreement()
        return inputs_only(props)


class Table(Resource, module="scylla", name="Table"):
    """A table with CDC and post-images. Never loses data unless `retain` is false."""

    columns: Output[dict[str, str]]
    """CQL type by column name."""

    def __init__(self, resource_name: str, args: TableArgs, opts: ResourceOptions | None = None) -> None:
        props = dict(vars(args))
        # Full post-images make the connector's records whole rows; before-images make it drop events.
        cdc = asdict(CdcOptions(enabled=True, postimage=True))
        props["cdc"] = cdc | {"ttl_seconds": props.pop("cdc_ttl_seconds")}
        super().__init__(TableProvider(), resource_name, props, opts)


def create_statement(props: Mapping[str, Any]) -> str:
    """The CREATE TABLE statement."""
    columns = ", ".join(f"{quote_name(name)} {cql_type}" for name, cql_type in props["columns"].items())
    partition = ", ".join(map(quote_name, props["partition_key"]))
    clustering = "".join(f", {quote_name(name)}" for name in props["clustering_key"])
    key = f"PRIMARY KEY (({partition}){clustering})"
    cdc = CdcOptions(**props["cdc"]).to_cql()
    return f"CREATE TABLE IF NOT EXISTS {_qualified(props)} ({columns}, {key}) WITH cdc = {cdc}"


def alter_statements(table: SourceTable, props: Mapping[str, Any]) -> list[str]:
    """The statements that add what is missing."""
    statements = [
        f"ALTER TABLE {_qualified(props)} ADD {quote_name(name)} {cql_type}"
        for name, cql_type in props["columns"].items()
        if table.column(name) is None
    ]
    wanted = CdcOptions(**props["cdc"])
    if table.cdc != wanted:
        statements.append(f"ALTER TABLE {_qualified(props)} WITH cdc = {wanted.to_cql()}")
    return statements


def _refuse_conflicts(table: SourceTable, props: Mapping[str, Any], dropped: set[str]) -> None:
    problems = []
    for part in ("partition_key", "clustering_key"):
        actual = list(getattr(table, part))
        if actual != list(props[part]):
            problems.append(f"its {part} is {actual}, declared is {list(props[part])}")
    for name, cql_type in props["columns"].items():
        column = table.column(name)
        if column and canonical_cql_type(column.cql_type, name) != canonical_cql_type(cql_type, name):
            problems.append(f"column {name} is {column.cql_type}, declared is {cql_type}")
    problems += [
        f"column {name} is no longer declared but still there; declare it again, or drop it by hand "
        f"with `ALTER TABLE {table.full_name} DROP {name}` if its data is not needed"
        for name in sorted(dropped)
        if table.column(name)
    ]
    if problems:
        raise TableConflictError(
            f"table {table.full_name} cannot be changed without losing data: {'; '.join(problems)}. "
            "Change the declaration to fit the table, or move the data by hand"
        )


def _column_failures(news: Properties) -> list[CheckFailure]:
    columns = news["columns"]
    key = [*news["partition_key"], *(news.get("clustering_key") or [])]
    failures = [
        CheckFailure("columns", f"key column {name} is not among the columns") for name in key if name not in columns
    ]
    for name, cql_type in columns.items():
        try:
            (postgres_key_column if name in key else postgres_column)(cql_type, name)
        except UnsupportedTypeError as error:
            failures.append(CheckFailure("columns", str(error)))
    return failures


def _change_failures(olds: Properties, news: Properties) -> list[CheckFailure]:
    """Refuse in the preview what `update` would refuse: the key and the types of a table are fixed."""
    if (olds.get("keyspace"), olds.get("name")) != (news["keyspace"], news["name"]) or has_unknowns(olds):
        return []
    cure = "of an existing table cannot change; drop the table by hand, or declare another name"
    failures = [
        CheckFailure(part, f"the {part} {cure}")
        for part in ("partition_key", "clustering_key")
        if list(olds.get(part) or []) != list(news.get(part) or [])
    ]
    for name, cql_type in news["columns"].items():
        old_type = olds["columns"].get(name)
        if old_type and canonical_cql_type(old_type, name) != canonical_cql_type(cql_type, name):
            reason = f"the type of column {name} ({old_type}, declared is {cql_type}) {cure}"
            failures.append(CheckFailure("columns", reason))
    return failures


def _observed_columns(declared: Mapping[str, str], table: SourceTable) -> dict[str, str]:
    """Declared columns that are there; in the declared spelling when the type is the same."""
    observed = {}
    for name, cql_type in declared.items():
        if column := table.column(name):
            same = canonical_cql_type(column.cql_type, name) == canonical_cql_type(cql_type, name)
            observed[name] = cql_type if same else column.cql_type
    return observed


def _qualified(props: Mapping[str, Any]) -> str:
    return f"{quote_name(props['keyspace'])}.{quote_name(props['name'])}"
