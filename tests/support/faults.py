"""Faults in PostgreSQL, each with the finding that it has to become."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from cassandra.util import Duration, Time
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.support.facts import COLUMNS, FACTS_TARGET, KEYS, VALUES, fact, key_of

Connection = psycopg.Connection[Any]
TABLE: Final = sql.Identifier(*FACTS_TARGET.split("."))
EXTRA_BUCKET: Final = 1_000_000
"""A partition that the source does not have."""

CHANGED: Final[Mapping[str, str]] = {
    "label": "label || '!'",
    "code": "code || 'x'",
    "flag": "NOT flag",
    "tiny": "tiny # 1::smallint",
    "small": "small # 1::smallint",
    "number": "number # 1",
    "big": "big # 1",
    "ratio": "ratio + 0.25",
    "score": "score + 0.5",
    "amount": "amount + 0.01",
    "huge": "huge + 1",
    "at": "at + interval '1 millisecond'",
    "day": "day + 1",
    "clock": "clock + 1",
    "span": "'7y'",
    "address": "address + 1",
    "payload": "payload || '\\x00'::bytea",
    "ident": "gen_random_uuid()",
    "event": "gen_random_uuid()",
    "tags": "tags || '{other}'::text[]",
    "attributes": """attributes || '{"other": "value"}'::jsonb""",
    "numbers": "array_append(numbers, 1)",
}
"""Another value of each column."""


@dataclass(frozen=True)
class Fault:
    """What a run has to find about a key."""

    kind: str
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FaultPlan:
    """How many rows of each fault; `each` is by column."""

    deleted: int = 30
    added: int = 30
    changed_each: int = 3
    nulled_each: int = 1
    stale: int = 20

    def numbers(self, rows: int, seed: int = 1) -> list[int]:
        """Rows to spoil from the whole table, in random order, none twice."""
        return random.Random(seed).sample(range(rows), self.of_source)

    @property
    def of_source(self) -> int:
        """Faults of rows that the source has."""
        return self.deleted + (self.changed_each + self.nulled_each) * len(VALUES) + self.stale


class FaultSeeder:
    """Spoils rows of PostgreSQL that are equal on both sides and that nobody writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.faults: dict[tuple[Any, ...], Fault] = {}

    def seed(self, plan: FaultPlan, numbers: Sequence[int], older: int) -> None:
        """Make all faults of a plan; stale rows get what they were in version `older`."""
        keys = map(key_of, numbers)
        for _ in range(plan.deleted):
            self.delete(next(keys))
        for number in range(plan.added):
            self.add((EXTRA_BUCKET, number))
        for column in VALUES:
            for _ in range(plan.changed_each):
                self.change(next(keys), column, CHANGED[column])
            for _ in range(plan.nulled_each):
                self.change(next(keys), column, "NULL")
        for key in keys:
            self.make_stale(key, older)

    def delete(self, key: tuple[int, int]) -> None:
        """Delete a row."""
        self._spoil(key, Fault("missing"), _DELETE, key)

    def add(self, key: tuple[int, int]) -> None:
        """Add a row."""
        self._spoil(key, Fault("extra"), _INSERT, parameters(fact(*key)))

    def change(self, key: tuple[int, int], column: str, expression: str) -> None:
        """Give a cell the value of an SQL expression."""
        statement = sql.SQL("UPDATE {} SET {} = {} WHERE bucket = %s AND seq = %s").format(
            TABLE, sql.Identifier(column), sql.SQL(expression)
        )
        self._spoil(key, Fault("mismatch", frozenset({column})), statement, key)

    def make_stale(self, key: tuple[int, int], version: int) -> None:
        """Put a row back to an older version, which differs in every column."""
        row = parameters(fact(*key, version))
        self._spoil(key, Fault("mismatch", frozenset(VALUES)), _REPLACE, (*row[len(KEYS) :], *row[: len(KEYS)]))

    def _spoil(self, key: tuple[int, int], fault: Fault, statement: sql.Composed, values: Sequence[Any]) -> None:
        count = self._connection.execute(statement, values).rowcount
        assert count == 1, f"{statement} touched {count} rows for {key}"
        self.faults[key] = fault


def parameters(row: Mapping[str, Any]) -> list[Any]:
    """A row of facts as parameters of an INSERT into PostgreSQL."""
    return [_parameter(row[name]) for name in COLUMNS]


def _parameter(value: Any) -> Any:
    match value:
        case Duration():
            return f"{value.months}mo{value.days}d{value.nanoseconds}ns"
        case Time():
            return value.nanosecond_time
        case dict():
            return Jsonb(value)
        case set():
            return sorted(value)
        case _:
            return value


_DELETE: Final = sql.SQL("DELETE FROM {} WHERE bucket = %s AND seq = %s").format(TABLE)
_INSERT: Final = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
    TABLE, sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS))
)
_REPLACE: Final = sql.SQL("UPDATE {} SET ({}) = ROW ({}) WHERE bucket = %s AND seq = %s").format(
    TABLE, sql.SQL(", ").join(map(sql.Identifier, VALUES)), sql.SQL(", ").join([sql.Placeholder()] * len(VALUES))
)
