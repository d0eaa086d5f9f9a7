"""Row by row comparison of a source table with its target, for small tables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cassandra.util import SortedSet
from psycopg import sql

from ops.outputs import Table

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Row = dict[str, Any]
Key = tuple[Any, ...]


def canonical(value: Any) -> Any:
    """The same value for what both databases hold; an empty CQL collection is NULL."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, Mapping):
        return {str(key): item for key, item in sorted(value.items())} or None
    if isinstance(value, SortedSet | AbstractSet | list | tuple):
        return sorted(value) or None
    return value


def source_rows(pipeline: Pipeline, table: Table) -> dict[Key, Row]:
    """All rows of the source table by key."""
    with pipeline.scylla() as session:
        rows = session.execute(f"SELECT * FROM {table.source}")
        return _by_key(table, ((row._fields, tuple(row)) for row in rows))


def target_rows(pipeline: Pipeline, table: Table) -> dict[Key, Row]:
    """All rows of the target table by key."""
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.target.split(".")))
    with pipeline.postgres() as connection:
        cursor = connection.execute(query)
        names = [column.name for column in cursor.description or ()]
        return _by_key(table, ((names, row) for row in cursor))


def _by_key(table: Table, rows: Any) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    for names, values in rows:
        row = {name: canonical(value) for name, value in zip(names, values, strict=True)}
        found[tuple(row[key] for key in table.keys)] = row
    return found


def differences(pipeline: Pipeline, table: Table) -> dict[Key, tuple[Row | None, Row | None]]:
    """Rows that differ: key -> (source, target), None where a side has no such row."""
    source, target = source_rows(pipeline, table), target_rows(pipeline, table)
    return {
        key: (source.get(key), target.get(key))
        for key in source.keys() | target.keys()
        if source.get(key) != target.get(key)
    }
