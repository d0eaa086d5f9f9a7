"""Schemas of both sides are paired, and what cannot be compared is refused with the way out."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cassandra.metadata import ColumnMetadata, TableMetadata

from reconcile.errors import ConfigError
from reconcile.model import TableRef
from reconcile.schema import TablePlan, pair
from reconcile.schema_target import TargetColumn, TargetTable

REF = TableRef("shop.users", "public.users")
CDC = b"\x02\0\0\0" + b"\x07\0\0\0enabled\x04\0\0\0true" + b"\x03\0\0\0ttl\x02\0\0\x0060"


def source(
    columns: Mapping[str, str], key: tuple[str, ...] = ("id",), clustering: tuple[str, ...] = ()
) -> TableMetadata:
    table = TableMetadata("shop", "users")
    for name, cql in columns.items():
        table.columns[name] = ColumnMetadata(table, name, cql, is_reversed=name == "at")
    table.partition_key = [table.columns[name] for name in key]
    table.clustering_key = [table.columns[name] for name in clustering]
    table.options = {"default_time_to_live": 90}
    table.extensions = {"cdc": CDC}
    return table


def target(columns: Mapping[str, str], *keys: tuple[str, ...]) -> TargetTable:
    return TargetTable(
        {name: TargetColumn(pg, pg, 1, 2, is_not_null=True) for name, pg in columns.items()},
        tuple(frozenset(key) for key in keys or (("id",),)),
    )


def plan(source_table: TableMetadata, target_table: TargetTable, ref: TableRef = REF, types: Any = None) -> TablePlan:
    return pair(ref, source_table, (types or {}).get, target_table)


USERS = source({"id": "uuid", "name": "text", "age": "int", "tags": "set<text>"})
COPY = target({"id": "uuid", "name": "text", "age": "integer", "tags": "text[]"})


def test_columns_are_paired_with_their_rules() -> None:
    found = plan(USERS, COPY)
    assert [column.name for column in found.key] == ["id"]
    assert [column.name for column in found.values] == ["age", "name", "tags"]
    assert found.column("tags").rule.name == "set = text[]"
    assert (found.default_ttl_seconds, found.cdc_enabled, found.cdc_ttl_seconds) == (90, True, 60)
    with pytest.raises(KeyError):
        found.column("nothing")


def test_the_key_has_the_sources_order_and_direction() -> None:
    table = source({"b": "int", "a": "int", "at": "timestamp", "c": "int"}, ("b", "a"), ("c", "at"))
    copy = {"a": "integer", "b": "integer", "c": "integer", "at": "timestamp with time zone"}
    found = plan(table, target(copy, ("at", "c", "a", "b")))
    assert [column.name for column in found.key] == ["b", "a", "c", "at"]
    assert found.partition_key == ("b", "a")
    assert found.clustering_reversed == (False, True)
    assert [column.name for column in found.clustering_key] == ["c", "at"]


def test_a_plan_can_be_sent_to_another_process() -> None:
    found = plan(USERS, COPY)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 our own bytes
    assert pickle.loads(pickle.dumps(found)).fingerprint == found.fingerprint  # noqa: S301 our own bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": None}, 'run ALTER TABLE public.users ADD COLUMN "age" integer, or ignore it with --ignore-columns'),
        ({"age": "uuid"}, "there is no rule to compare int with uuid; change the column to integer, or ignore it with"),
        ({"id": "circle"}, "column id: there is no rule to compare uuid with circle"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_compared_is_refused(change: dict[str, str | None], message: str) -> None:
    columns = {"id": "uuid", "name": "text", "age": "integer", "tags": "text[]"} | change
    with pytest.raises(ConfigError, match=message):
        plan(USERS, target({name: pg for name, pg in columns.items() if pg}))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"shop.users and public.users .* age .*; column tags"):
        plan(USERS, target({"id": "uuid", "name": "text"}))


def test_a_column_that_is_ignored_is_not_needed() -> None:
    ref = replace(REF, ignore_columns=("age", "tags"))
    found = plan(USERS, target({"id": "uuid", "name": "text", "more": "xml"}), ref)
    assert [column.name for column in found.values] == ["name"]
    assert found.ignored_columns == ("age", "tags")
    assert found.target_only_columns == ("more",)


@pytest.mark.parametrize(("name", "message"), [("id", "part of the key"), ("agee", "has no such column")])
def test_what_cannot_be_ignored_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(USERS, COPY, replace(REF, ignore_columns=(name,)))


def test_a_type_that_cannot_be_replicated_is_refused_unless_ignored() -> None:
    table = source({"id": "uuid", "hits": "counter"})
    copy = target({"id": "uuid", "hits": "bigint"})
    with pytest.raises(ConfigError, match=r"column hits: type counter: .*--ignore-columns hits"):
        plan(table, copy)
    assert plan(table, copy, replace(REF, ignore_columns=("hits",))).values == ()


@pytest.mark.parametrize("keys", [(("id", "name"),), (("name",),)])
def test_rows_that_cannot_be_found_by_an_index_are_refused(keys: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ConfigError, match=r'run ALTER TABLE public.users ADD PRIMARY KEY \("id"\)'):
        plan(USERS, target({"id": "uuid", "name": "text", "age": "integer", "tags": "text[]"}, *keys))


def test_a_name_that_postgresql_would_cut_is_refused() -> None:
    long = "x" * 64
    with pytest.raises(ConfigError, match="cuts names after 63 bytes"):
        plan(source({"id": "uuid", long: "int"}), target({"id": "uuid", long[:63]: "integer"}))


def test_user_defined_types_are_resolved() -> None:
    table = source({"id": "uuid", "home": "frozen<address>"})
    found = plan(table, target({"id": "uuid", "home": "jsonb"}), types={"address": [("street", "text")]})
    assert found.column("home").rule.value_type.fields == ("street",)


@pytest.mark.parametrize(
    "changed",
    [
        plan(source({"id": "uuid", "name": "ascii", "age": "int", "tags": "set<text>"}), COPY),
        plan(USERS, target({"id": "uuid", "name": "text", "age": "bigint", "tags": "text[]"})),
        plan(USERS, COPY, replace(REF, ignore_columns=("age",))),
        plan(USERS, COPY, replace(REF, target="public.other")),
    ],
)
def test_a_fingerprint_changes_with_what_decides_a_comparison(changed: TablePlan) -> None:
    assert changed.fingerprint != plan(USERS, COPY).fingerprint
    assert plan(USERS, COPY).fingerprint == plan(USERS, COPY).fingerprint


def test_a_key_that_may_be_null_is_known() -> None:
    columns = dict(COPY.columns)
    columns["id"] = replace(columns["id"], is_not_null=False)
    assert plan(USERS, replace(COPY, columns=columns)).key_may_be_null
    assert not plan(USERS, COPY).key_may_be_null
