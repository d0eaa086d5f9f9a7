"""What a target table looks like, read from PostgreSQL's catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from reconcile.errors import ConfigError
from reconcile.model import TableRef

# A domain is compared as the type below it; PostgreSQL's results name that type too.
_COLUMNS_QUERY: Final = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       format_type(b.oid, CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END), b.oid, b.typarray,
       a.attnotnull
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_UNIQUE_KEYS_QUERY: Final = """
SELECT array_agg(a.attname::text)
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
  AND k.position <= i.indnkeyatts
GROUP BY i.indexrelid
"""


@dataclass(frozen=True)
class TargetColumn:
    """A column of the target table."""

    type: str
    """As `format_type` prints it."""
    base_type: str
    """The same, but what a domain is made of in the place of the domain."""
    oid: int
    array_oid: int
    """Of arrays of the type."""
    is_not_null: bool


@dataclass(frozen=True)
class TargetTable:
    """A table of PostgreSQL."""

    columns: Mapping[str, TargetColumn]
    unique_keys: tuple[frozenset[str], ...]
    """Columns of each unique index that covers all rows."""


def table_identifier(ref: TableRef) -> sql.Identifier:
    """Return the target's quoted name."""
    return sql.Identifier(*ref.target.split(".", 1))


def read_target_table(connection: psycopg.Connection[tuple[Any, ...]], ref: TableRef) -> TargetTable:
    """Read columns and unique keys of the target.

    Raises:
        ConfigError: there is no such table.
    """
    name = (table_identifier(ref).as_string(None),)
    with connection.transaction():
        columns = connection.execute(_COLUMNS_QUERY, name).fetchall()
        keys = connection.execute(_UNIQUE_KEYS_QUERY, name).fetchall()
    if not columns:
        raise ConfigError(
            f"PostgreSQL has no table {ref.target} for {ref.source}; name the right one, or let the pipeline make it"
        )
    return TargetTable(
        {column: TargetColumn(*rest) for column, *rest in columns}, tuple(frozenset(names) for (names,) in keys)
    )
