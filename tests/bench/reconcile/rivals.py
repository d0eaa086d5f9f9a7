"""What a compare is measured against: the bare reads of both sides, and the script that anyone would write first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

import psycopg
from cassandra.cluster import Session
from cassandra.query import BoundStatement
from psycopg import sql

from reconcile.model import Unit
from tests.support.bulk import COLUMNS, BulkTable

Connection = psycopg.Connection[tuple[object, ...]]
_NAMES = ", ".join(COLUMNS)
_KEY_COLUMNS = 2


def bare_scan(session: Session, table: BulkTable, units: Sequence[Unit], fetch_rows: int) -> int:
    """Page through the token ranges with the driver as it comes, and count the rows."""
    statement = session.prepare(f"SELECT {_NAMES} FROM {table.name} WHERE token(bucket) > ? AND token(bucket) <= ?")
    rows = 0
    for unit in units:
        bound = BoundStatement(statement, fetch_size=fetch_rows).bind((unit.low, unit.high))
        result = session.execute(bound)
        rows += len(result.current_rows)
        while result.has_more_pages:
            result.fetch_next_page()
            rows += len(result.current_rows)
    return rows


def bare_copy(connection: Connection, table: BulkTable) -> int:
    """Export the same columns, undecoded; count the rows."""
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(_NAMES), sql.Identifier(*table.name.split("."))
    )
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for _block in copy:
                pass
        return cursor.rowcount


def naive_compare(session: Session, connection: Connection, table: BulkTable, fetch_rows: int) -> tuple[int, int]:
    """SELECT * on both sides and compare row by row, all of PostgreSQL in memory; return rows matched and unequal."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.name.split("."))))
    by_key = {row[:_KEY_COLUMNS]: row for row in cursor}
    matched = unequal = 0
    for row in _all_rows(session, table, fetch_rows):
        other = by_key.get(row[:_KEY_COLUMNS])
        if other is None:
            continue
        matched += 1
        for cell, other_cell in zip(row, other, strict=True):
            if cell != other_cell:
                unequal += 1
                break
    return matched, unequal


def _all_rows(session: Session, table: BulkTable, fetch_rows: int) -> Iterator[tuple[object, ...]]:
    """Rows with their columns in PostgreSQL's order, and times in UTC, as PostgreSQL has them."""
    statement = session.prepare(f"SELECT * FROM {table.name}")
    statement.fetch_size = fetch_rows
    for row in session.execute(statement):
        yield tuple(
            value.replace(tzinfo=UTC) if name == "at" else value
            for name, value in zip(COLUMNS, (getattr(row, name) for name in COLUMNS), strict=True)
        )
