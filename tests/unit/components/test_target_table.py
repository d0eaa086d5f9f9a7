from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from scylla_fakes import CONTACT_POINTS, FakeScylla, configured, users_table

from components.postgres import target_table as target_table_module
from components.postgres.table_schema import TargetTableError
from components.postgres.target_table import TargetTableProvider
from components.provider_errors import ProviderError
from components.scylla.metadata import ColumnKind, SourceColumn, SourceTable

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
    assert postgres.statements[1:] == ['ALTER TABLE "public"."users" ADD COLUMN IF NOT EXISTS "age" integer']
    assert result.outs is not None
    assert result.outs["columns"] == {"id": "uuid", "age": "integer", "name": "text"}


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
            "column age is bigint, the source needs integer; ALTER TABLE public.users ALTER COLUMN age TYPE integer",
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
    assert [text.split(",")[0] for text in read.outs["drift"]] == [
        "column name is character varying(5)",
        "column age is missing",
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

    monkeypatch.setattr(target_table_module.psycopg, "connect", connect)
    tables = {"shop.users": users_table()}
    configured(TargetTableProvider, FakeScylla(tables=tables)).create(inputs())
    assert seen["connect_timeout"] == 10
    assert "lock_timeout=15000" in seen["options"]
