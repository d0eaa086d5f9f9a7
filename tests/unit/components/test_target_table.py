from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from components.postgres.table_schema import TargetTableError
from components.postgres.target_table import TargetTableProvider
from components.provider_errors import ProviderError
from components.scylla.metadata import ColumnKind, SourceColumn, SourceTable
from tests.unit.components.scylla_fakes import CONTACT_POINTS, FakeScylla, configured, users_table

ROWS = {"id": ("uuid", True), "age": ("integer", False), "name": ("text", False)}


@dataclass
class FakePostgres:
    """Answers the catalogue queries for one table and records every other statement."""

    columns: dict[str, tuple[str, bool]] = field(default_factory=dict)
    key: Sequence[str] = ("id",)
    schemas: Sequence[str] = ("public",)
    failure: psycopg.Error | None = None
    statements: list[str] = field(default_factory=list)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    committed: bool = False

    @contextmanager
    def connect(self, parameters: Mapping[str, Any]) -> Iterator["FakePostgres"]:
        self.parameters = parameters
        if self.failure:
            raise self.failure
        yield self
        self.committed = True

    def execute(self, statement: str | sql.Composed, parameters: Sequence[str] = ()) -> Any:
        text = statement if isinstance(statement, str) else statement.as_string(None)
        rows: list[tuple[Any, ...]] = []
        if "format_type" in text:
            rows = [(name, *column) for name, column in self.columns.items()]
        elif "indisprimary" in text:
            rows = [(name,) for name in self.key]
        elif "pg_namespace" in text:
            rows = [(1,)] if parameters[0] in self.schemas else []
        else:
            self.statements.append(text)
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0] if rows else None)


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "source": "shop.users",
        "target": "public.users",
        "contact_points": CONTACT_POINTS,
        "host": "127.0.0.1",
        "port": 5432,
        "database": "warehouse",
        "owner": "warehouse_owner",
        "sslmode": "prefer",
        "migrations": [],
        "triggers": [],
    } | changes


def provider_for(postgres: FakePostgres, source: SourceTable | None = None, **config: str) -> TargetTableProvider:
    tables = {"shop.users": source or users_table()}
    provider = configured(TargetTableProvider, FakeScylla(tables=tables), **config)
    provider.connect_postgres = postgres.connect  # type: ignore[method-assign,assignment]
    return provider


def test_a_missing_table_is_made_by_its_owner_with_the_whole_key() -> None:
    columns = (
        SourceColumn("v", "map<text, int>"),
        SourceColumn("c", "timeuuid", ColumnKind.CLUSTERING, 0),
        SourceColumn("p", "uuid", ColumnKind.PARTITION_KEY, 0),
        SourceColumn("at", "timestamp"),
    )
    postgres = FakePostgres()
    result = provider_for(postgres, replace(users_table(), columns=columns)).create(inputs())
    assert result.id == "warehouse/public.users"
    assert postgres.statements == [
        'SET ROLE "warehouse_owner"',
        'CREATE TABLE IF NOT EXISTS "public"."users" '
        '("p" uuid, "c" uuid, "at" timestamptz, "v" jsonb, PRIMARY KEY ("p", "c"))',
    ]
    assert result.outs == inputs() | {
        "columns": {"p": "uuid", "c": "uuid", "at": "timestamptz", "v": "jsonb"},
        "drift": [],
    }
    assert postgres.committed


def test_the_administrator_of_the_configuration_connects_and_stays_out_of_the_state() -> None:
    postgres = FakePostgres()
    result = provider_for(postgres, postgresAdminUser="boss").create(inputs())
    assert (postgres.parameters["user"], postgres.parameters["password"]) == ("boss", "pg-secret")
    assert (postgres.parameters["host"], postgres.parameters["dbname"]) == ("127.0.0.1", "warehouse")
    assert "pg-secret" not in str(result.outs)


def test_a_missing_schema_is_made_first() -> None:
    postgres = FakePostgres()
    provider_for(postgres).create(inputs(target="sales.users"))
    assert postgres.statements[1] == 'CREATE SCHEMA IF NOT EXISTS "sales"'


def test_a_table_that_fits_is_adopted_without_a_statement() -> None:
    postgres = FakePostgres(ROWS)
    provider_for(postgres).create(inputs())
    assert postgres.statements == ['SET ROLE "warehouse_owner"']


def test_a_timestamp_with_time_zone_is_a_timestamptz() -> None:
    table = replace(users_table(), columns=(*users_table().columns[:1], SourceColumn("at", "timestamp")))
    postgres = FakePostgres({"id": ("uuid", True), "at": ("timestamp with time zone", False)})
    provider_for(postgres, table).create(inputs())
    assert len(postgres.statements) == 1


def test_columns_that_the_source_has_gained_are_added() -> None:
    postgres = FakePostgres({"id": ("uuid", True), "name": ("text", False)})
    result = provider_for(postgres).update("x", inputs(), inputs())
    assert postgres.statements[1:] == [
        "SET LOCAL statement_timeout = 0",
        'ALTER TABLE "public"."users" ADD COLUMN IF NOT EXISTS "age" integer',
    ]
    assert result.outs is not None
    assert result.outs["columns"] == {"id": "uuid", "age": "integer", "name": "text"}


@pytest.mark.parametrize(
    ("present", "source_type", "statement"),
    [
        ("integer", "bigint", 'TYPE bigint USING "age"::bigint'),
        ("smallint", "varint", 'TYPE numeric USING "age"::numeric'),
        ("real", "double", 'TYPE double precision USING "age"::double precision'),
        ("character varying(9)", "text", 'TYPE text USING "age"::text'),
        ("numeric(6,2)", "decimal", 'TYPE numeric USING "age"::numeric'),
        ("integer[]", "list<bigint>", 'TYPE bigint[] USING "age"::bigint[]'),
    ],
)
def test_a_column_that_is_too_narrow_is_widened(present: str, source_type: str, statement: str) -> None:
    source = replace(users_table(), columns=(*users_table().columns[:2], SourceColumn("age", source_type)))
    postgres = FakePostgres(ROWS | {"age": (present, False)})
    provider_for(postgres, source).create(inputs())
    assert postgres.statements[2:] == [f'ALTER TABLE "public"."users" ALTER COLUMN "age" {statement}']


@pytest.mark.parametrize(
    ("made", "source_type", "cast"),
    [
        ("text", "uuid", 'uuid USING "extra"::uuid'),
        ("text", "map<text, int>", 'jsonb USING "extra"::jsonb'),
        ("timestamp(6) without time zone", "timestamp", "timestamptz USING \"extra\" AT TIME ZONE 'UTC'"),
    ],
)
def test_a_column_that_the_sink_has_added_gets_the_right_type(made: str, source_type: str, cast: str) -> None:
    source = replace(users_table(), columns=(*users_table().columns, SourceColumn("extra", source_type)))
    postgres = FakePostgres(ROWS | {"extra": (made, False)})
    state = inputs() | {"columns": {"id": "uuid", "age": "integer", "name": "text"}}
    provider_for(postgres, source).update("x", state, inputs())
    assert postgres.statements[2:] == [f'ALTER TABLE "public"."users" ALTER COLUMN "extra" TYPE {cast}']


def test_a_text_column_that_somebody_else_made_is_not_changed_unasked() -> None:
    source = replace(users_table(), columns=(*users_table().columns, SourceColumn("extra", "uuid")))
    postgres = FakePostgres(ROWS | {"extra": ("text", False)})
    with pytest.raises(TargetTableError, match=r"column extra is text, the source needs uuid"):
        provider_for(postgres, source).create(inputs())


@pytest.mark.parametrize(
    ("migration", "columns", "statement"),
    [
        ({"dropColumn": "note"}, {"note": ("text", True)}, 'DROP COLUMN "note"'),
        (
            {"changeType": {"column": "age"}},
            {"age": ("bigint", False)},
            'TYPE integer USING "age"::integer',
        ),
        (
            {"changeType": {"column": "age", "using": "round(age)"}},
            {"age": ("numeric", False)},
            'ALTER COLUMN "age" TYPE integer USING round(age)',
        ),
        ({"renameColumn": {"from": "id", "to": "id"}}, {}, ""),
    ],
)
def test_what_loses_something_is_done_when_a_migration_asks_for_it(
    migration: dict[str, Any], columns: dict[str, tuple[str, bool]], statement: str
) -> None:
    postgres = FakePostgres(ROWS | columns)
    provider_for(postgres).create(inputs(migrations=[migration]))
    assert [text for text in postgres.statements if "ALTER" in text] == [
        text for text in postgres.statements if statement and statement in text
    ]
    assert bool(statement) == any("ALTER" in text for text in postgres.statements)


def test_a_renamed_column_keeps_its_values_and_its_place_in_the_key() -> None:
    postgres = FakePostgres({"key": ("uuid", True), "age": ("integer", False), "nick": ("text", False)}, ("key",))
    migrations = [{"renameColumn": {"from": "key", "to": "id"}}, {"renameColumn": {"from": "nick", "to": "name"}}]
    provider_for(postgres).create(inputs(migrations=migrations))
    assert postgres.statements[2:] == [
        'ALTER TABLE "public"."users" RENAME COLUMN "key" TO "id"',
        'ALTER TABLE "public"."users" RENAME COLUMN "nick" TO "name"',
    ]


def test_a_rename_whose_new_column_is_there_already_is_refused() -> None:
    postgres = FakePostgres(ROWS | {"nick": ("text", False)})
    with pytest.raises(TargetTableError, match=r"column nick cannot be renamed, since the target has name too"):
        provider_for(postgres).create(inputs(migrations=[{"renameColumn": {"from": "nick", "to": "name"}}]))


@pytest.mark.parametrize(
    "migration", [{"dropColumn": "age"}, {"dropColumn": "gone"}, {"renameColumn": {"from": "age", "to": "years"}}]
)
def test_a_migration_that_is_done_or_not_due_changes_nothing(migration: dict[str, Any]) -> None:
    postgres = FakePostgres(ROWS)
    provider_for(postgres).create(inputs(migrations=[migration]))
    assert len(postgres.statements) == 1


@pytest.mark.parametrize(
    "entry",
    ["drop age", {}, {"dropColumn": ""}, {"dropTable": "x"}, {"renameColumn": {"from": "a"}}, {"changeType": {"x": 1}}],
)
def test_a_migration_that_cannot_be_read_is_refused_in_the_preview(entry: Any) -> None:
    failures = TargetTableProvider().check({}, inputs(migrations=[entry])).failures
    assert [failure.property for failure in failures] == ["migrations"]


def test_columns_of_its_own_are_left_alone_when_rows_may_come_without_them() -> None:
    postgres = FakePostgres(ROWS | {"note": ("text", False)})
    provider_for(postgres).create(inputs())
    assert len(postgres.statements) == 1


@pytest.mark.parametrize(
    ("columns", "key", "message"),
    [
        (
            ROWS | {"age": ("bigint", False)},
            ("id",),
            "column age is bigint, the source needs integer; write {changeType: {column: age}} into the table's migr",
        ),
        (ROWS, ("name",), "its primary key is (name), the source's is (id)"),
        (ROWS, (), "its primary key is (), the source's is (id); make the same key with ALTER TABLE public.users"),
        (
            ROWS | {"note": ("text", True)},
            ("id",),
            "column note is NOT NULL without a default, but rows come without it; ALTER TABLE public.users",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused_and_left_alone(
    columns: dict[str, tuple[str, bool]], key: Sequence[str], message: str
) -> None:
    postgres = FakePostgres(columns, key)
    with pytest.raises(TargetTableError) as error:
        provider_for(postgres).create(inputs())
    assert str(error.value).startswith("table public.users is there but does not fit: ")
    assert message in str(error.value)
    assert postgres.statements == ['SET ROLE "warehouse_owner"']
    assert not postgres.committed


def test_the_order_of_key_columns_does_not_matter() -> None:
    source = SourceTable(
        "shop",
        "users",
        (SourceColumn("a", "int", ColumnKind.PARTITION_KEY, 0), SourceColumn("b", "int", ColumnKind.CLUSTERING, 0)),
    )
    postgres = FakePostgres({"a": ("integer", True), "b": ("integer", True)}, ("b", "a"))
    provider_for(postgres, source).create(inputs())
    assert len(postgres.statements) == 1


def test_a_missing_source_table_is_named() -> None:
    with pytest.raises(TargetTableError, match=r"source shop\.orders does not exist in ScyllaDB"):
        provider_for(FakePostgres()).create(inputs(source="shop.orders"))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (SourceColumn("hits", "counter"), "source table shop.users: column hits: type counter"),
        (SourceColumn("x" * 64, "int"), "PostgreSQL cuts names after 63 bytes"),
    ],
)
def test_a_source_column_without_a_target_is_named(column: SourceColumn, message: str) -> None:
    source = replace(users_table(), columns=(*users_table().columns, column))
    with pytest.raises(TargetTableError, match=message):
        provider_for(FakePostgres(), source).create(inputs())


@pytest.mark.parametrize(
    "failure", [psycopg.OperationalError("connection refused\nmore"), psycopg.OperationalError("")]
)
def test_a_database_that_is_down_is_named_without_the_password(failure: psycopg.Error) -> None:
    with pytest.raises(TargetTableError) as error:
        provider_for(FakePostgres(failure=failure)).create(inputs())
    reason = str(failure).splitlines()[0] if str(failure) else "OperationalError"
    assert str(error.value) == f"table public.users at 127.0.0.1:5432/warehouse: {reason}"
    assert error.value.__cause__ is None


def test_without_a_configured_password_it_says_how_to_set_one() -> None:
    with pytest.raises(ProviderError, match="pulumi config set --secret postgresAdminPassword"):
        provider_for(FakePostgres(), postgresAdminPassword="").create(inputs())


def test_refresh_of_an_unchanged_table_shows_no_change() -> None:
    provider = provider_for(FakePostgres(ROWS))
    state = provider.create(inputs()).outs or {}
    read = provider.read("x", state)
    assert read.outs == state
    assert provider.diff("x", read.outs, inputs()).changes is False


def test_refresh_shows_how_the_table_differs_and_the_next_up_heals_it() -> None:
    postgres = FakePostgres(ROWS)
    provider = provider_for(postgres)
    state = provider.create(inputs()).outs or {}
    postgres.columns = {"id": ("uuid", True), "name": ("character varying(5)", False)}
    read = provider.read("x", state)
    assert read.outs is not None
    assert read.outs["columns"] == {"id": "uuid", "name": "character varying(5)"}
    assert read.outs["drift"] == [
        "not yet: column age is added as integer",
        "not yet: column name becomes text (was character varying(5))",
    ]
    assert provider.diff("x", read.outs, inputs()).changes is True


def test_refresh_survives_a_source_table_that_is_gone() -> None:
    provider = provider_for(FakePostgres(ROWS))
    read = provider.read("x", inputs(source="shop.orders"))
    assert read.outs is not None
    assert "source shop.orders does not exist" in read.outs["drift"][0]


def test_a_table_that_is_gone_leaves_the_state() -> None:
    read = provider_for(FakePostgres()).read("x", inputs())
    assert (read.id, read.outs) == (None, {})


def test_deleting_the_resource_leaves_the_table_and_asks_nobody() -> None:
    postgres = FakePostgres(ROWS)
    provider_for(postgres).delete("x", inputs())
    assert postgres.parameters == {}


@pytest.mark.parametrize("name", ["target", "database"])
def test_another_target_is_another_table(name: str) -> None:
    assert TargetTableProvider().diff("x", inputs(), inputs(**{name: "a.b"})).replaces == [name]


@pytest.mark.parametrize("name", ["source", "target"])
def test_names_need_two_parts(name: str) -> None:
    failures = TargetTableProvider().check({}, inputs(**{name: "users"})).failures
    assert [failure.property for failure in failures] == [name]


def test_the_real_connection_has_limits_for_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    @contextmanager
    def connect(**parameters: Any) -> Iterator[FakePostgres]:
        seen.update(parameters)
        yield FakePostgres(ROWS)

    monkeypatch.setattr("psycopg.connect", connect)
    tables = {"shop.users": users_table()}
    configured(TargetTableProvider, FakeScylla(tables=tables)).create(inputs())
    assert seen["connect_timeout"] == 10
    assert "lock_timeout=15000" in seen["options"]
