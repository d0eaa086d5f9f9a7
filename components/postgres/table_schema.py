"""What a target table has to look like, and what it looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from components.provider_errors import ProviderError
from components.scylla.metadata import SourceTable, split_table_name
from reconcile.types import postgres_column, postgres_key_column

MAX_NAME_BYTES: Final = 63
_COLUMNS_QUERY: Final = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_attribute a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_KEY_QUERY: Final = """
SELECT a.attname
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = to_regclass(%s) AND i.indisprimary
ORDER BY array_position(i.indkey::int2[], a.attnum)
"""
_LONG_TYPE_NAMES: Final = {"timestamp with time zone": "timestamptz"}

PgConnection = psycopg.Connection[tuple[Any, ...]]


class TargetTableError(ProviderError):
    """The target table cannot be made or adopted. The message names table and column and says what to do."""


@dataclass(frozen=True)
class ExistingColumn:
    """A column of a table that is there already."""

    type: str
    needs_value: bool
    """NOT NULL without a default."""


@dataclass(frozen=True)
class ExistingTable:
    """A table that is there already."""

    columns: Mapping[str, ExistingColumn]
    key: tuple[str, ...]
    """Columns of the primary key."""


@dataclass(frozen=True)
class WantedTable:
    """What the source table asks of the target table."""

    columns: Mapping[str, str]
    """PostgreSQL type by column name: the key first, then the others by name."""
    key: tuple[str, ...]
    """Columns of the primary key: partition key, then clustering key."""


def wanted_table(source: SourceTable) -> WantedTable:
    """Map a source table by the type map. Raises TargetTableError."""
    columns = {}
    try:
        for name in [*source.key, *sorted(c.name for c in source.columns if c.name not in source.key)]:
            column = next(column for column in source.columns if column.name == name)
            mapper = postgres_key_column if name in source.key else postgres_column
            columns[name] = mapper(column.cql_type, name).type
            if len(name.encode()) > MAX_NAME_BYTES:
                raise ValueError(f"column {name}: PostgreSQL cuts names after {MAX_NAME_BYTES} bytes")
    except ValueError as error:
        raise TargetTableError(f"source table {source.full_name}: {error}") from None
    return WantedTable(columns, source.key)


def create_statement(target: str, wanted: WantedTable) -> sql.Composed:
    """The CREATE TABLE statement."""
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(pg_type)) for column, pg_type in wanted.columns.items()
    ]
    return sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
        sql.Identifier(*split_table_name(target)),
        sql.SQL(", ").join(columns),
        sql.SQL(", ").join(map(sql.Identifier, wanted.key)),
    )


def read_table(connection: PgConnection, target: str) -> ExistingTable | None:
    """Columns and key of `schema.table`; None when there is none."""
    schema, name = split_table_name(target)
    quoted = sql.Identifier(schema, name).as_string(None)
    columns = {
        str(column): ExistingColumn(_short_type(str(pg_type)), bool(needs_value))
        for column, pg_type, needs_value in connection.execute(_COLUMNS_QUERY, (quoted,)).fetchall()
    }
    if not columns:
        return None
    key = tuple(str(row[0]) for row in connection.execute(_KEY_QUERY, (quoted,)).fetchall())
    return ExistingTable(columns, key)


def _short_type(pg_type: str) -> str:
    return _LONG_TYPE_NAMES.get(pg_type, pg_type)
