"""Fills a table of both databases with many equal rows, past the pipeline, for tests and benchmarks that need size.

    table = BulkTable("bulk.million", rows=1_000_000)
    load(session, connection, table)        # CREATE and fill both sides; a table that is there is filled anew
    row = table.row(17)                     # the same values in every process
    drop(session, connection, table)

Rows lie in partitions of 100 and have eight columns of the usual types. In ScyllaDB the table has no CDC while it is
filled (a log of millions of rows would only slow it down); `with_cdc` switches it on afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from queue import Queue
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from cassandra.cluster import Session
from cassandra.policies import RetryPolicy
from cassandra.query import BoundStatement
from psycopg import sql

from reconcile.cdc_options import CdcOptions
from reconcile.model import TableRef

PARTITION_ROWS = 100
BATCHES_IN_FLIGHT = 32
WRITE_ATTEMPTS = 20
DDL_TIMEOUT_SECONDS = 120
COPY_ROWS = 10_000
_EPOCH_MS = 1_700_000_000_000
_POSTGRES_EPOCH_MS = 946_684_800_000
_WORDS = ("amber", "bravo", "coral", "delta", "ember", "fjord", "grove", "haven")
COLUMNS = {
    "bucket": ("bigint", "bigint"),
    "id": ("uuid", "uuid"),
    "name": ("text", "text"),
    "score": ("double", "double precision"),
    "number": ("int", "integer"),
    "at": ("timestamp", "timestamptz"),
    "flag": ("boolean", "boolean"),
    "label": ("text", "text"),
}
"""CQL and PostgreSQL type by column; the first two are the key."""


class BulkRow(NamedTuple):
    """One row."""

    bucket: int
    id: UUID
    name: str
    score: float
    number: int
    at: datetime
    flag: bool
    label: str
    """40 characters."""


@dataclass(frozen=True)
class BulkTable:
    """A table of `rows` rows; `keyspace.table` in ScyllaDB, the same name as `schema.table` in PostgreSQL."""

    name: str
    rows: int
    with_cdc: bool = False

    @property
    def ref(self) -> TableRef:
        """The table as reconcile names it."""
        return TableRef(self.name, self.name)

    def row(self, number: int) -> BulkRow:
        """The row of that number, from 0."""
        bucket, cells = _cells(number)
        identity, name, score, whole, milliseconds, flag, label = cells
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return BulkRow(bucket, UUID(bytes=identity), name.decode(), score, whole, at, flag, label.decode())


class _PatientRetryPolicy(RetryPolicy):  # type: ignore[misc] # the driver has no types
    """Writes again what timed out, because a busy server is slow and the rows are the same each time."""

    def on_write_timeout(self, *_args: Any, retry_num: int, **_kwargs: Any) -> tuple[int, int | None]:
        return (self.RETRY, None) if retry_num < WRITE_ATTEMPTS else (self.RETHROW, None)


_RETRY = _PatientRetryPolicy()


def load(session: Session, connection: psycopg.Connection[Any], table: BulkTable) -> None:
    """Make the table on both sides and fill it."""
    create(session, connection, table)
    fill_scylla(session, table)
    fill_postgres(connection, table)
    if table.with_cdc:
        cdc = CdcOptions(enabled=True, postimage=True, ttl_seconds=86_400).to_cql()
        session.execute(f"ALTER TABLE {table.name} WITH cdc = {cdc}", timeout=DDL_TIMEOUT_SECONDS)


def create(session: Session, connection: psycopg.Connection[Any], table: BulkTable) -> None:
    """Make the table on both sides, empty."""
    drop(session, connection, table)
    keyspace, name = table.name.split(".")
    session.execute(
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} "
        "WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
        timeout=DDL_TIMEOUT_SECONDS,
    )
    cql_columns = ", ".join(f"{column} {cql}" for column, (cql, _) in COLUMNS.items())
    session.execute(
        f"CREATE TABLE {keyspace}.{name} ({cql_columns}, PRIMARY KEY (bucket, id))", timeout=DDL_TIMEOUT_SECONDS
    )
    pg_columns = ", ".join(f"{column} {pg}" for column, (_, pg) in COLUMNS.items())
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(keyspace)))
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY (bucket, id))").format(
            sql.Identifier(keyspace, name), sql.SQL(pg_columns)
        )
    )


def drop(session: Session, connection: psycopg.Connection[Any], table: BulkTable) -> None:
    """Delete the table on both sides."""
    session.execute(f"DROP TABLE IF EXISTS {table.name}", timeout=DDL_TIMEOUT_SECONDS)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(*table.name.split("."))))


def fill_scylla(session: Session, table: BulkTable) -> None:
    """Write the rows, one batch for each partition."""
    markers = ", ".join("?" * len(COLUMNS))
    insert = f"INSERT INTO {table.name} ({', '.join(COLUMNS)}) VALUES ({markers});"
    statements = {}
    in_flight: Queue[Any] = Queue()
    for first in range(0, table.rows, PARTITION_ROWS):
        size = min(PARTITION_ROWS, table.rows - first)
        if size not in statements:
            statements[size] = session.prepare(f"BEGIN UNLOGGED BATCH {insert * size} APPLY BATCH")
        bound = BoundStatement(statements[size], retry_policy=_RETRY)
        # The bytes as they go over the wire: the driver's own conversion takes most of the time otherwise.
        bound.values = [cell for number in range(first, first + size) for cell in _cql_cells(number)]
        if in_flight.qsize() >= BATCHES_IN_FLIGHT:
            in_flight.get().result()
        in_flight.put(session.execute_async(bound, timeout=60))
    while not in_flight.empty():
        in_flight.get().result()


def fill_postgres(connection: psycopg.Connection[Any], table: BulkTable) -> None:
    """Copy the rows, and let the planner know them."""
    identifier = sql.Identifier(*table.name.split("."))
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(identifier, columns)
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for block in _copy_blocks(table.rows):
                copy.write(block)
            copy.write(struct.pack(">h", -1))
        cursor.execute(sql.SQL("ANALYZE {}").format(identifier))


def _copy_blocks(rows: int) -> Iterator[bytes]:
    for first in range(0, rows, COPY_ROWS):
        block = bytearray()
        for number in range(first, min(rows, first + COPY_ROWS)):
            block += struct.pack(">h", len(COLUMNS))
            for cell in _postgres_cells(number):
                block += struct.pack(">i", len(cell)) + cell
        yield bytes(block)


def _cells(number: int) -> tuple[int, tuple[bytes, bytes, float, int, int, bool, bytes]]:
    digest = blake2b(number.to_bytes(8, "big"), digest_size=36).digest()
    word = _WORDS[digest[16] % len(_WORDS)]
    (noise,) = struct.unpack_from(">I", digest, 17)
    return number // PARTITION_ROWS, (
        digest[:16],
        f"{word}-{number}".encode(),
        noise / 1000,
        noise & 0x7FFFFFFF,
        _EPOCH_MS + number * 1_001,
        bool(digest[21] & 1),
        digest[16:].hex().encode(),
    )


def _cql_cells(number: int) -> tuple[bytes, ...]:
    bucket, (identity, name, score, whole, milliseconds, flag, label) = _cells(number)
    return (
        bucket.to_bytes(8, "big"), identity, name, struct.pack(">d", score), whole.to_bytes(4, "big"),
        milliseconds.to_bytes(8, "big"), b"\1" if flag else b"\0", label,
    )  # fmt: skip


def _postgres_cells(number: int) -> tuple[bytes, ...]:
    cells = list(_cql_cells(number))
    milliseconds = int.from_bytes(cells[5], "big")
    cells[5] = ((milliseconds - _POSTGRES_EPOCH_MS) * 1000).to_bytes(8, "big")
    return tuple(cells)
