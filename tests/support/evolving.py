"""A table that changes while a writer writes to it: `lab.evolving`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import yaml
from cassandra.cluster import Session

from tests.support.commands import reconcile
from tests.support.pipeline import PROJECT, STACK, Pipeline, wait_until
from tests.support.writer import RETRIED

TABLE = "lab.evolving"
WIDENED = "lab.widened"
KEYS = 40
PAUSE_SECONDS = 0.02
Maker = Callable[[random.Random], Any]


@dataclass
class Writer:
    """Inserts, updates and deletes rows of a table, with whatever columns it is told of."""

    session: Session
    table: str
    columns: dict[str, Maker]
    writes: int = 0
    error: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def use(self, **columns: Maker) -> None:
        """Write these columns from now on; no write with the old ones is under way afterwards."""
        with self._lock:
            self.columns = columns

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Write nothing inside of the block."""
        with self._lock:
            yield

    def run(self) -> None:
        """Write until `stop`."""
        generator = random.Random(11)
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                with self._lock, suppress(*RETRIED):
                    self.write(generator.randrange(KEYS), generator)
        except BaseException as error:  # noqa: BLE001 handed to the test's own thread
            self.error = error

    def write(self, key: int, generator: random.Random) -> None:
        """One change of one row."""
        self.writes += 1
        values = {"version": self.writes} | {name: make(generator) for name, make in self.columns.items()}
        kind = generator.random()
        if kind < 0.1:
            self.session.execute(f"DELETE FROM {self.table} WHERE id = %s", (key,))
        elif kind < 0.4:
            sets = ", ".join(f"{name} = %s" for name in values)
            self.session.execute(f"UPDATE {self.table} SET {sets} WHERE id = %s", (*values.values(), key))
        else:
            names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
            statement = f"INSERT INTO {self.table} (id, {names}) VALUES (%s, {marks})"
            self.session.execute(statement, (key, *values.values()))

    def stop(self) -> None:
        """Ask the writer to stop."""
        self._stop.set()

    def wait_for_more(self, writes: int = 60) -> None:
        """Wait until it has written that many changes more."""
        target = self.writes + writes
        wait_until("the writer goes on", lambda: self.writes >= target or self.error)


@contextmanager
def writing(pipeline: Pipeline, table: str = TABLE, **columns: Maker) -> Iterator[Writer]:
    """A writer that runs while the block runs; whatever goes wrong with it fails the test."""
    with pipeline.scylla() as session:
        writer = Writer(session, table, dict(columns))
        thread = threading.Thread(target=writer.run, daemon=True)
        thread.start()
        try:
            yield writer
            writer.wait_for_more()
        finally:
            writer.stop()
            thread.join(timeout=60)
    if writer.error:
        raise writer.error


def wait_equal(table: str = TABLE) -> None:
    """Wait until reconcile finds no difference."""
    summaries: list[dict[str, Any]] = []

    def equal() -> bool:
        summaries.append(reconcile(table))
        return summaries[-1]["exit_code"] == 0

    try:
        wait_until(f"reconcile finds {table} equal", equal, 240)
    except AssertionError:
        raise AssertionError(f"{table} differs: {summaries[-1]}") from None


def column_types(pipeline: Pipeline, target: str) -> dict[str, str]:
    """PostgreSQL type by column."""
    query = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    )
    with pipeline.postgres() as connection:
        return {str(name): str(pg_type) for name, pg_type in connection.execute(query, (target,)).fetchall()}


def configure(table: str, **changes: Any) -> Mapping[str, Any]:
    """Change a table's entry in the stack's configuration; None takes a key out."""
    path = PROJECT / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(path.read_text())
    entry = next(each for each in document["config"]["scylla-pg-cdc:tables"] if each["source"] == table)
    for key, value in changes.items():
        entry[key] = value
        if value is None:
            del entry[key]
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return dict(entry)
