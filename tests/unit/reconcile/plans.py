"""Table plans without databases."""

from __future__ import annotations

from reconcile.model import TableRef
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.types import postgres_column
from reconcile.values import rule_for
from reconcile.values_types import resolve

OIDS = {"integer": (23, 1007), "bigint": (20, 1016), "uuid": (2950, 2951), "text": (25, 1009),
        "timestamp with time zone": (1184, 1185), "numeric": (1700, 1231), "bytea": (17, 1001)}  # fmt: skip


def column(name: str, cql: str, pg: str | None = None, *, is_static: bool = False) -> ColumnPlan:
    """A column, of the type that the type map makes unless another is given."""
    pg_type = pg or postgres_column(cql).type.replace("timestamptz", "timestamp with time zone")
    rule = rule_for(name, resolve(cql, name, lambda _: None), pg_type)
    assert rule
    return ColumnPlan(name, cql, pg_type, rule, *OIDS.get(pg_type, (0, 0)), is_static)


def plan(*key: ColumnPlan, values: tuple[ColumnPlan, ...] = (), partition_columns: int = 1) -> TablePlan:
    """A table with that key."""
    partition_key = tuple(each.name for each in key[:partition_columns])
    return TablePlan(TableRef("ks.t", "public.t"), key, partition_key, values)
