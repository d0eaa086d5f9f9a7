"""A table that changes while a writer writes to it: `lab.evolving`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml
from cassandra.cluster import Session
from psycopg import sql

from components.postgres.table_schema import read_table
from components.scylla.metadata import SourceTable, read_source_table
from components.scylla.session import Credentials, open_session
from components.scylla.table import create_statement
from tests.support.commands import reconcile
from tests.support.pipeline import PROJECT, STACK, Pipeline
from tests.support.waiting import wait_until
from tests.support.writer import PAUSE_SECONDS, RETRIED, BackgroundWriter

TABLE = "lab.evolving"
TARGET = "public.evolving"
KEYS = 40
MARKER = 1000
"""Key of a row that is written last; when it arrives, the rows before it have."""
DEADLINE_SECONDS = 240
Maker = Callable[[random.Random], Any]


@dataclass
class EvolvingWriter(BackgroundWriter):
    """Inserts, updates and deletes rows, with whatever columns it is told of."""

    columns: Mapping[str, Maker]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def use(self, **columns: Maker) -> None:
        """Write these columns from now on; no write with the old ones is under way afterwards."""
        with self._lock:
            self.columns = columns

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Write nothing inside of the block."""
        with self._lock:
            yield

    def wait_for_more(self, writes: int = 60) -> None:
        """Wait until it has written that many changes more."""
        target = self.writes + writes
        wait_until("the writer goes on", lambda: self.error or self.writes >= target)

    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """Write until the event is set."""
        while not stop.wait(PAUSE_SECONDS):
            with self._lock, suppress(*RETRIED):
                self._write(session, generator.randrange(KEYS), generator)
                self.writes += 1

    def _write(self, session: Session, key: int, generator: random.Random) -> None:
        values = {"version": self.writes} | {name: make(generator) for name, make in self.columns.items()}
        kind = generator.random()
        if kind < 0.1:
            session.execute(f"DELETE FROM {TABLE} WHERE id = %s", (key,))
        elif kind < 0.4:
            sets = ", ".join(f"{name} = %s" for name in values)
            session.execute(f"UPDATE {TABLE} SET {sets} WHERE id = %s", (*values.values(), key))
        else:
            insert(session, key, values)


def insert(session: Session, key: int, values: Mapping[str, Any]) -> None:
    """Insert a row."""
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    session.execute(f"INSERT INTO {TABLE} (id, {names}) VALUES (%s, {marks})", (key, *values.values()))


@contextmanager
def evolving(pipeline: Pipeline, **columns: Maker) -> Iterator[EvolvingWriter]:
    """A writer that runs while the block runs, and writes something after whatever the block does."""
    writer = EvolvingWriter(columns)
    with writer.running(pipeline, seed=11):
        writer.wait_for_more()
        yield writer
        writer.wait_for_more()


def wait_for_marker(pipeline: Pipeline, session: Session, **values: Any) -> None:
    """Write one more row, with these columns, and wait until PostgreSQL shows it."""
    query = sql.SQL("SELECT version FROM public.evolving WHERE id = %s")
    with pipeline.postgres() as connection:
        before = connection.execute(query, (MARKER,)).fetchone()
        version = int(before[0]) + 1 if before else 1
        insert(session, MARKER, {"version": version, **values})
        wait_until(
            "the last row arrives",
            lambda: connection.execute(query, (MARKER,)).fetchone() == (version,),
            DEADLINE_SECONDS,
        )


def assert_equal(pipeline: Pipeline, session: Session, *arguments: str, **values: Any) -> None:
    """Both sides are equal, as reconcile says, and every write so far has gone through the pipeline."""
    wait_for_marker(pipeline, session, **values)
    summary = reconcile(TABLE, *arguments)
    assert summary["exit_code"] == 0, summary


def target_types(pipeline: Pipeline) -> dict[str, str]:
    """PostgreSQL type by column."""
    with pipeline.postgres() as connection:
        table = read_table(connection, TARGET)
    assert table
    return {name: column.type for name, column in table.columns.items()}


def make_again(pipeline: Pipeline, session: Session, **columns: str) -> None:
    """Drop the table and make it again, empty, with other types of some columns."""
    table = source_table(pipeline)
    session.execute(f"DROP TABLE {TABLE}")
    session.execute(
        create_statement(
            {
                "keyspace": table.keyspace,
                "name": table.name,
                "columns": {column.name: columns.get(column.name, column.cql_type) for column in table.columns},
                "partition_key": table.partition_key,
                "clustering_key": table.clustering_key,
                "cdc": asdict(table.cdc),
            }
        )
    )


def source_table(pipeline: Pipeline) -> SourceTable:
    """The table as it is in ScyllaDB."""
    login = Credentials(pipeline.outputs.scylla.username, pipeline.outputs.scylla.password)
    with open_session(pipeline.outputs.endpoints["scylla"].split(","), login) as session:
        table = read_source_table(session, *TABLE.split("."))
    assert table
    return table


def set_migrations(*migrations: Mapping[str, Any]) -> None:
    """Write the table's migrations into the stack's configuration."""
    path = PROJECT / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(path.read_text())
    entry = next(each for each in document["config"]["scylla-pg-cdc:tables"] if each["source"] == TABLE)
    entry["migrations"] = [dict(migration) for migration in migrations]
    path.write_text(yaml.safe_dump(document, sort_keys=False))
