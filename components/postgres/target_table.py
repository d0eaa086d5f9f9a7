"""A target table in PostgreSQL as a resource, made from the ScyllaDB table that is replicated into it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.postgres.migrations import MigrationError, parse_migrations
from components.postgres.table_changes import Plan, plan_changes
from components.postgres.table_schema import (
    ExistingTable,
    PgConnection,
    TargetTableError,
    WantedTable,
    create_statement,
    read_table,
    wanted_table,
)
from components.provider_errors import redact, short_errors
from components.scylla.metadata import read_source_table, split_table_name
from components.scylla.provider import (
    ConfigurationError,
    Properties,
    ScyllaProvider,
    diff_inputs,
    inputs_only,
)
from components.tls.trust import ca_path

ADMIN_USER_KEY: Final = "postgresAdminUser"
ADMIN_PASSWORD_KEY: Final = "postgresAdminPassword"  # noqa: S105 the name of a key, not a password
DEFAULT_ADMIN_USER: Final = "postgres"
CONNECT_TIMEOUT_SECONDS: Final = 10
LOCK_TIMEOUT_MS: Final = 15_000
STATEMENT_TIMEOUT_MS: Final = 60_000


@dataclass(frozen=True)
class TargetTableArgs:
    """Arguments of `TargetTable`."""

    source: Input[str]
    """`keyspace.table` in ScyllaDB."""
    target: Input[str]
    """`schema.table` in PostgreSQL; a change makes another table and leaves the old one."""
    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    host: Input[str]
    """PostgreSQL's host as seen from where Pulumi runs."""
    port: Input[int]
    """PostgreSQL's port as seen from where Pulumi runs."""
    database: Input[str]
    """Database of the table."""
    owner: Input[str]
    """Role that owns the table; the administrator takes it on with SET ROLE."""
    sslmode: Input[str] = "prefer"
    """libpq's `sslmode`."""
    migrations: Input[Sequence[Any]] = ()
    """Changes that lose something and are wanted all the same, as `parse_migrations` reads them."""
    triggers: Input[Sequence[Any]] = ()
    """A change compares both tables again, such as the declared columns of the source table."""


def table_name_problem(name: str) -> str | None:
    """What is wrong with `schema.table`, or None."""
    try:
        split_table_name(name)
    except ValueError as error:
        return str(error)
    return None


def migrations_problem(entries: Sequence[Any]) -> str | None:
    """What is wrong with the input `migrations`, or None."""
    try:
        parse_migrations(entries)
    except MigrationError as error:
        return str(error)
    return None


class TargetTableProvider(ScyllaProvider):
    """Creates the table or adopts it, adds columns and widens them. Loses nothing but what a migration names."""

    replace_on = frozenset({"target", "database"})
    input_checks = MappingProxyType(
        {"source": table_name_problem, "target": table_name_problem, "migrations": migrations_problem}
    )

    _pg_user: str = DEFAULT_ADMIN_USER
    _pg_password: str = ""

    @staticmethod
    def connect_postgres(parameters: Mapping[str, Any]) -> AbstractContextManager[PgConnection]:
        """Open a connection that commits at the end of a `with` block; tests put a fake here."""
        return psycopg.connect(**parameters, row_factory=tuple_row)

    def configure(self, req: ConfigureRequest) -> None:
        """Take the credentials of both administrators from the stack's configuration."""
        super().configure(req)
        self._pg_user = req.config.get(ADMIN_USER_KEY) or DEFAULT_ADMIN_USER
        self._pg_password = req.config.get(ADMIN_PASSWORD_KEY) or ""

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Update when an input changed or the last refresh found that columns are missing or differ."""
        result = diff_inputs(_olds, _news, self.replace_on)
        result.changes = result.changes or bool(_olds.get("drift"))
        return result

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Create the table, or adopt the one that is there. Raises TargetTableError."""
        return CreateResult(f"{props['database']}/{props['target']}", self._apply(props, None))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Follow the source table, as far as nothing is lost. Raises TargetTableError."""
        return UpdateResult(self._apply(_news, _olds.get("columns")))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Report how the table differs from its source; a table that is gone leaves the state."""
        with self._postgres(props) as connection:
            existing = read_table(connection, props["target"])
        if existing is None:
            return ReadResult(None, {})
        columns = {name: column.type for name, column in existing.columns.items() if name in props.get("columns", {})}
        return ReadResult(id_, inputs_only(props) | {"columns": columns, "drift": self._drift(props, existing)})

    def delete(self, _id: str, _props: Properties) -> None:
        """Leave the table and its rows: they may be all that is left of the data."""

    def _apply(self, props: Properties, known: Mapping[str, str] | None) -> Properties:
        wanted = self._wanted(props)
        with self._postgres(props) as connection:
            _change_table(connection, wanted, props, known)
        return inputs_only(props) | {"columns": dict(wanted.columns), "drift": []}

    def _drift(self, props: Properties, existing: ExistingTable) -> list[str]:
        """How the table differs from its source, which may itself be gone until `up` makes it again."""
        try:
            wanted = self._wanted(props)
        except TargetTableError as error:
            return [str(error)]
        plan = _plan(wanted, existing, props, props.get("columns"))
        return [*map(str, plan.problems), *(f"not yet: {change.text}" for change in plan.changes)]

    def _wanted(self, props: Properties) -> WantedTable:
        keyspace, name = split_table_name(props["source"])
        with self.session(props) as session:
            table = read_source_table(session, keyspace, name)
        if table is None:
            raise TargetTableError(
                f"table {props['target']}: its source {props['source']} does not exist in ScyllaDB; "
                "create it, or take it out of the replicated tables"
            )
        return wanted_table(table)

    @contextmanager
    def _postgres(self, props: Properties) -> Iterator[PgConnection]:
        """A connection as administrator, with PostgreSQL's errors made short."""
        if not self._pg_password:
            raise ConfigurationError(
                f"the stack has no {ADMIN_PASSWORD_KEY}; set it with "
                f"`pulumi config set --secret {ADMIN_PASSWORD_KEY}` and run the same command again"
            )
        parameters = {
            "host": props["host"],
            "port": int(props["port"]),  # the plug-in's protocol has floats only
            "dbname": props["database"],
            "user": self._pg_user,
            "password": self._pg_password,
            "sslmode": props["sslmode"],
            "sslrootcert": ca_path(self._trusted),
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "pulumi target table",
            "options": f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
        }
        try:
            with self.connect_postgres(parameters) as connection:
                yield connection
        except psycopg.Error as error:
            where = f"{props['host']}:{props['port']}/{props['database']}"
            raise TargetTableError(f"table {props['target']} at {where}: {_reason(error)}") from None


class TargetTable(Resource, module="postgres", name="TargetTable"):
    """A target table. Deleting the resource leaves the table and its rows."""

    columns: Output[dict[str, str]]
    """PostgreSQL type by column name."""

    def __init__(self, resource_name: str, args: TargetTableArgs, opts: ResourceOptions | None = None) -> None:
        props = dict(vars(args)) | {"columns": None, "drift": None}
        super().__init__(TargetTableProvider(), resource_name, props, opts)


def _plan(wanted: WantedTable, existing: ExistingTable, props: Properties, known: Mapping[str, str] | None) -> Plan:
    return plan_changes(wanted, existing, props["target"], parse_migrations(props.get("migrations") or ()), known)


def _change_table(
    connection: PgConnection, wanted: WantedTable, props: Properties, known: Mapping[str, str] | None
) -> None:
    """Create the table as its owner, or bring the one that is there to what the source needs, whole or not at all."""
    target = props["target"]
    schema, _ = split_table_name(target)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(props["owner"])))
    existing = read_table(connection, target)
    if existing is None:
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(create_statement(target, wanted))
        return
    plan = _plan(wanted, existing, props, known)
    if plan.problems:
        raise TargetTableError(f"table {target} is there but does not fit: {'; '.join(map(str, plan.problems))}")
    if plan.changes:
        # A change of type writes every row again.
        connection.execute("SET LOCAL statement_timeout = 0")
    for change in plan.changes:
        connection.execute(change.statement)


def _reason(error: psycopg.Error) -> str:
    text = redact(str(error).strip())
    return text.splitlines()[0] if text else type(error).__name__
