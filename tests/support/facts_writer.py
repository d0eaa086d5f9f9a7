"""Writes to `lab.facts` at a steady rate while a test looks at it: inserts, updates and deletes all over the table."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cassandra import Timeout
from cassandra.cluster import OperationTimedOut, Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType, PreparedStatement

from reconcile.look import batches
from tests.support.facts import BUCKET_ROWS, DELETE_FACT, INSERT_FACT, UPDATE_FACT, fact, key_of, values
from tests.support.pipeline import Pipeline
from tests.support.writer import BackgroundWriter

CONCURRENCY: Final = 64
NEW_SHARE: Final = 0.02
"""Of the rows, so many more come and go, rounded up to whole partitions."""
_AHEAD_SECONDS: Final = 2
"""The writer keeps so far ahead of what is asked of it that a slow moment does not take it below."""
_TICK_SECONDS: Final = 0.2
_MOST_AT_ONCE: Final = 1_000
TOGETHER: Final = 20
"""Rows of a partition that are written in one request; ScyllaDB refuses batches of many kilobytes."""


Write = tuple[PreparedStatement | BatchStatement, tuple[Any, ...] | None]


def write(session: Session, writes: Sequence[Write]) -> None:
    """Write rows, none twice; what the server was too busy for is written again, with a new timestamp.

    The server sets the timestamps: one of the client's that waited for longer than the connector's confidence window
    would be lost, as the documentation says.
    """
    session.use_client_timestamp = False
    while writes:
        results = execute_concurrent(session, writes, concurrency=CONCURRENCY, raise_on_first_error=False)
        failed = [(each, error) for each, (done, error) in zip(writes, results, strict=True) if not done]
        for _, error in failed:
            if not isinstance(error, Timeout | OperationTimedOut):
                raise error
        writes = [each for each, _ in failed]


def together(writes: Iterable[Write]) -> Write:
    """Writes to one partition in one request, with one timestamp."""
    batch = BatchStatement(BatchType.UNLOGGED)
    for statement, parameters in writes:
        batch.add(statement, parameters)
    return batch, None


def load(session: Session, rows: int, version: int = 0) -> None:
    """Insert the rows with numbers below `rows`."""
    insert = session.prepare(INSERT_FACT)
    for bucket in batches(range(rows), BUCKET_ROWS):
        inserts = ((insert, values(fact(*key_of(number), version))) for number in bucket)
        write(session, [together(group) for group in batches(inserts, TOGETHER)])


@dataclass
class FactsWriter(BackgroundWriter):
    """Changes rows; those with `spared` numbers stay as they are."""

    rows: int
    per_minute: float
    spared: Collection[int]
    began: float = 0.0

    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """Write at the rate, and catch up where the databases were too slow for it."""
        self.began = time.monotonic()
        statements = [session.prepare(cql) for cql in (UPDATE_FACT, INSERT_FACT, DELETE_FACT)]
        due = 0
        while not stop.wait(0 if due >= _MOST_AT_ONCE else _TICK_SECONDS):
            due = int((time.monotonic() - self.began + _AHEAD_SECONDS) * self.per_minute / 60) - self.writes
            self._write(session, statements, min(due, _MOST_AT_ONCE), generator)

    def _write(self, session: Session, statements: list[PreparedStatement], due: int, generator: random.Random) -> None:
        buckets = range(math.ceil(self.rows * (1 + NEW_SHARE) / BUCKET_ROWS))
        groups = max(0, due) // TOGETHER
        # No row twice: of two writes to one row at the same time nobody could say which is the last.
        chosen = [self._numbers(bucket, generator) for bucket in generator.sample(buckets, min(groups, len(buckets)))]
        write(
            session,
            [together(self._statement(statements, number, generator) for number in numbers) for numbers in chosen],
        )
        self.writes += sum(map(len, chosen))

    def _numbers(self, bucket: int, generator: random.Random) -> list[int]:
        """Rows of a bucket, none of them spared."""
        seqs = generator.sample(range(BUCKET_ROWS), TOGETHER)
        return [number for number in (bucket * BUCKET_ROWS + seq for seq in seqs) if number not in self.spared]

    @staticmethod
    def _statement(statements: list[PreparedStatement], number: int, generator: random.Random) -> Write:
        update, insert, delete = statements
        kind, key = generator.random(), key_of(number)
        row = fact(*key, generator.randrange(1, 100))
        if kind < 0.6:
            return update, (row["amount"], row["label"], row["tags"], *key)
        return (insert, values(row)) if kind < 0.85 else (delete, key)

    @property
    def rate_per_minute(self) -> float:
        """Writes in a minute, as it really was so far."""
        return 60 * self.writes / (time.monotonic() - self.began)


@contextmanager
def changing(pipeline: Pipeline, rows: int, share_per_minute: float, spared: Collection[int]) -> Iterator[FactsWriter]:
    """Change a share of the rows each minute while the block runs; too few writes fail the test."""
    writer = FactsWriter(rows, rows * share_per_minute, spared)
    with writer.running(pipeline, seed=7):
        yield writer
        rate = writer.rate_per_minute
    assert rate >= writer.per_minute, f"only {rate:.0f} writes a minute, not {writer.per_minute:.0f}"
