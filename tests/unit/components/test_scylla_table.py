from dataclasses import asdict, replace
from typing import Any

import pytest
from pulumi.output import UNKNOWN

from components.scylla.metadata import ColumnKind, SourceColumn
from components.scylla.table import TableConflictError, TableProvider
from reconcile.cdc_options import CdcOptions
from tests.unit.components.scylla_fakes import CONTACT_POINTS, REPLICATED, FakeScylla, configured, users_table

CDC_CQL = "{'enabled': true, 'postimage': true, 'preimage': false, 'delta': 'full', 'ttl': 604800}"


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "keyspace": "shop",
        "name": "users",
        "contact_points": CONTACT_POINTS,
        "columns": {"id": "uuid", "name": "varchar", "age": "int"},
        "partition_key": ["id"],
        "clustering_key": [],
        "cdc": asdict(REPLICATED),
        "retain": True,
    } | changes


def server_with(**changes: Any) -> FakeScylla:
    return FakeScylla(tables={"shop.users": replace(users_table(), **changes)})


def test_a_missing_table_is_created_with_post_images() -> None:
    server = FakeScylla()
    result = configured(TableProvider, server).create(inputs(clustering_key=["age"]))
    assert result.id == "shop.users"
    assert server.statements == [
        'CREATE TABLE IF NOT EXISTS "shop"."users" ("id" uuid, "name" varchar, "age" int, '
        f'PRIMARY KEY (("id"), "age")) WITH cdc = {CDC_CQL}'
    ]


def test_a_table_that_is_as_declared_is_adopted_without_a_statement() -> None:
    server = server_with()
    result = configured(TableProvider, server).create(inputs())
    assert server.statements == []
    assert result.outs == inputs()


def test_a_new_column_is_added() -> None:
    server = server_with()
    news = inputs(columns=inputs()["columns"] | {"tags": "set<text>"})
    configured(TableProvider, server).update("shop.users", inputs(), news)
    assert server.statements == ['ALTER TABLE "shop"."users" ADD "tags" set<text>']


@pytest.mark.parametrize(
    "cdc",
    [
        CdcOptions(),
        replace(REPLICATED, postimage=False),
        replace(REPLICATED, ttl_seconds=60),
        replace(REPLICATED, delta="keys"),
    ],
)
def test_cdc_is_set_where_it_differs(cdc: CdcOptions) -> None:
    server = server_with(cdc=cdc)
    configured(TableProvider, server).create(inputs())
    assert server.statements == [f'ALTER TABLE "shop"."users" WITH cdc = {CDC_CQL}']


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"columns": {"id": "uuid", "name": "text", "age": "bigint"}},
            "column age is int, declared is bigint",
        ),
        ({"partition_key": ["name"]}, "its partition_key is ['id'], declared is ['name']"),
        ({"clustering_key": ["age"]}, "its clustering_key is [], declared is ['age']"),
    ],
)
def test_a_table_that_cannot_become_the_declared_one_is_refused_and_left_alone(
    changes: dict[str, Any], message: str
) -> None:
    server = server_with()
    with pytest.raises(TableConflictError) as error:
        configured(TableProvider, server).create(inputs(**changes))
    assert "table shop.users" in str(error.value)
    assert message in str(error.value)
    assert server.statements == []


def test_a_column_that_is_no_longer_declared_is_never_dropped() -> None:
    server = server_with()
    news = inputs(columns={"id": "uuid", "name": "text"})
    with pytest.raises(TableConflictError, match=r"ALTER TABLE shop\.users DROP age"):
        configured(TableProvider, server).update("shop.users", inputs(), news)
    assert server.statements == []


def test_a_column_that_was_dropped_by_hand_may_leave_the_declaration() -> None:
    server = server_with(columns=users_table().columns[:2])
    news = inputs(columns={"id": "uuid", "name": "text"})
    configured(TableProvider, server).update("shop.users", inputs(), news)
    assert server.statements == []


def test_columns_that_were_never_declared_are_tolerated() -> None:
    server = server_with(columns=(*users_table().columns, SourceColumn("extra", "text")))
    provider = configured(TableProvider, server)
    provider.create(inputs())
    read = provider.read("shop.users", inputs())
    assert provider.diff("shop.users", read.outs or {}, inputs()).changes is False
    assert server.statements == []


def test_refresh_of_an_unchanged_table_shows_no_change() -> None:
    provider = configured(TableProvider, server_with())
    read = provider.read("shop.users", inputs() | {"__provider": "x"})
    assert read.outs == inputs()
    assert read.inputs == inputs()


def test_refresh_shows_cdc_that_was_switched_off_by_hand() -> None:
    provider = configured(TableProvider, server_with(cdc=CdcOptions()))
    read = provider.read("shop.users", inputs())
    assert read.outs is not None
    assert read.outs["cdc"]["enabled"] is False
    assert provider.diff("shop.users", read.outs, inputs()).changes is True


def test_refresh_shows_columns_that_were_dropped_or_have_another_type() -> None:
    columns = (SourceColumn("id", "uuid", ColumnKind.PARTITION_KEY, 0), SourceColumn("name", "blob"))
    read = configured(TableProvider, server_with(columns=columns)).read("shop.users", inputs())
    assert read.outs is not None
    assert read.outs["columns"] == {"id": "uuid", "name": "blob"}


def test_a_table_that_is_gone_leaves_the_state() -> None:
    read = configured(TableProvider, FakeScylla()).read("shop.users", inputs())
    assert (read.id, read.outs) == (None, {})


def test_deleting_the_resource_leaves_the_table() -> None:
    server = server_with()
    configured(TableProvider, server).delete("shop.users", inputs())
    assert server.statements == []


def test_deleting_the_resource_drops_the_table_when_told_so() -> None:
    server = server_with()
    configured(TableProvider, server).delete("shop.users", inputs(retain=False))
    assert server.statements == ['DROP TABLE IF EXISTS "shop"."users"']


def test_another_name_is_another_table() -> None:
    assert TableProvider().diff("x", inputs(), inputs(name="people")).replaces == ["name"]


@pytest.mark.parametrize(
    ("changes", "property_name", "reason"),
    [
        ({"name": "a-b"}, "name", "is not a name"),
        ({"partition_key": []}, "partition_key", "at least one column"),
        ({"partition_key": ["uid"]}, "columns", "key column uid is not among the columns"),
        ({"clustering_key": ["uid"]}, "columns", "key column uid is not among the columns"),
        ({"columns": {"id": "uuid", "hits": "counter"}}, "columns", "column hits: type counter"),
        ({"columns": {"id": "uuid", "name": "text static"}}, "columns", "cannot read CQL type 'text static'"),
        ({"columns": {"id": "list<int>"}}, "columns", "cannot be part of the key"),
        ({"cdc": asdict(replace(REPLICATED, ttl_seconds=60))}, "cdc", "at least 3600"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_is_asked(
    changes: dict[str, Any], property_name: str, reason: str
) -> None:
    failures = TableProvider().check({}, inputs(**changes)).failures
    assert failures[0].property == property_name
    assert reason in failures[0].reason


def test_the_preview_refuses_a_changed_key_or_type() -> None:
    news = inputs(partition_key=["name"], columns={"id": "uuid", "name": "text", "age": "bigint"})
    failures = TableProvider().check(inputs(), news).failures
    assert [failure.property for failure in failures] == ["partition_key", "columns"]
    assert "drop the table by hand" in failures[0].reason


def test_another_table_may_have_another_key() -> None:
    news = inputs(name="people", partition_key=["name"])
    assert TableProvider().check(inputs(), news).failures == []


def test_another_spelling_of_a_type_is_no_change() -> None:
    news = inputs(columns={"id": "UUID", "name": "text", "age": "int"})
    assert TableProvider().check(inputs(), news).failures == []


def test_a_log_that_never_expires_is_allowed() -> None:
    assert TableProvider().check({}, inputs(cdc={"ttl_seconds": 0})).failures == []


@pytest.mark.parametrize(
    "changes",
    [{"columns": UNKNOWN}, {"columns": {"id": UNKNOWN}}, {"partition_key": [UNKNOWN]}, {"name": UNKNOWN}],
)
def test_what_is_not_known_yet_is_not_refused(changes: dict[str, Any]) -> None:
    assert TableProvider().check({}, inputs(**changes)).failures == []
