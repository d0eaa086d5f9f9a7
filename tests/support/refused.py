"""Rows that PostgreSQL refuses, in ten ways, among rows that it takes: table `lab.refused`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from cassandra.cluster import Session
from psycopg import sql

from tests.support import lab

TABLE = "lab.refused"
TAKEN_TICKET = 1
"""A good row has it before the others are written."""
YEAR_300000_MS = 9_404_672_016_000_000

CONSTRAINTS = (
    "ALTER TABLE public.refused ADD CONSTRAINT number_check CHECK (number < 1000000)",
    "ALTER TABLE public.refused ALTER COLUMN code SET NOT NULL",
    "CREATE UNIQUE INDEX refused_ticket ON public.refused (ticket)",
    "CREATE TABLE public.refused_groups AS SELECT generate_series(0, 9) AS grp",
    "ALTER TABLE public.refused_groups ADD PRIMARY KEY (grp)",
    "ALTER TABLE public.refused ADD CONSTRAINT group_known FOREIGN KEY (grp) REFERENCES public.refused_groups",
    "ALTER TABLE public.refused ALTER COLUMN short TYPE varchar(8)",
    "ALTER TABLE public.refused ALTER COLUMN amount TYPE numeric(6, 2)",
    "CREATE FUNCTION public.refuse_mood() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF NEW.mood = 'bad' THEN RAISE EXCEPTION 'not in this mood'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER refuse_mood BEFORE INSERT OR UPDATE ON public.refused"
    " FOR EACH ROW EXECUTE FUNCTION public.refuse_mood()",
    "CREATE TABLE public.refused_log (at bigserial PRIMARY KEY, id int, version int)",
    "CREATE FUNCTION public.log_refused() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
    " INSERT INTO public.refused_log (id, version) VALUES (NEW.id, NEW.version); RETURN NULL; END $$",
    "CREATE TRIGGER log_refused AFTER INSERT OR UPDATE ON public.refused"
    " FOR EACH ROW EXECUTE FUNCTION public.log_refused()",
)
CURES = (
    "ALTER TABLE public.refused DROP CONSTRAINT IF EXISTS number_check",
    "ALTER TABLE public.refused ALTER COLUMN code DROP NOT NULL",
    "DROP INDEX IF EXISTS public.refused_ticket",
    "ALTER TABLE public.refused DROP CONSTRAINT IF EXISTS group_known",
    "DROP TABLE IF EXISTS public.refused_groups",
    "ALTER TABLE public.refused ALTER COLUMN short TYPE text",
    "ALTER TABLE public.refused ALTER COLUMN amount TYPE numeric",
    "DROP TRIGGER IF EXISTS refuse_mood ON public.refused",
    "DROP FUNCTION IF EXISTS public.refuse_mood",
    "DROP TRIGGER IF EXISTS log_refused ON public.refused",
    "DROP FUNCTION IF EXISTS public.log_refused",
    "DROP TABLE IF EXISTS public.refused_log",
)
"""All of them, so that a test that was cut short leaves nothing behind."""


@dataclass(frozen=True)
class Kind:
    """One way to be refused."""

    sqlstate: str
    name: str
    spoil: Callable[[dict[str, Any], random.Random], None]
    """Makes a good row a bad one."""
    cured_at_source: str = ""
    """The statement that cures it, where no change of PostgreSQL can."""


def _set(**values: Any) -> Callable[[dict[str, Any], random.Random], None]:
    return lambda row, _generator: row.update(values)


KINDS = (
    Kind("23514", "CheckViolation", _set(number=2_000_000)),
    Kind("23502", "NotNullViolation", _set(code=None)),
    Kind("23505", "UniqueViolation", _set(ticket=TAKEN_TICKET)),
    Kind("23503", "ForeignKeyViolation", _set(grp=77)),
    Kind(
        "22021",
        "CharacterNotInRepertoire",
        _set(label="a nul \0 byte"),
        "UPDATE lab.refused SET label = 'mended' WHERE id = %s",
    ),
    Kind("22001", "StringDataRightTruncation", _set(short="far too long for it")),
    Kind("22003", "NumericValueOutOfRange", _set(amount=123_456)),
    Kind("22008", "DatetimeFieldOverflow", _set(at=YEAR_300000_MS), "UPDATE lab.refused SET at = 0 WHERE id = %s"),
    Kind(
        "22P05",
        "UntranslatableCharacter",
        _set(attributes={"k": "a nul \0 character"}),
        "UPDATE lab.refused SET attributes = {'k': 'mended'} WHERE id = %s",
    ),
    Kind("P0001", "RaiseException", _set(mood="bad")),
)


def good_row(number: int, version: int = 0) -> dict[str, Any]:
    """A row that every constraint takes."""
    return {
        "id": number,
        "version": version,
        "number": number % 1_000_000,
        "code": f"code {number}",
        "ticket": None,
        "grp": number % 10,
        "label": f"label {number}",
        "short": "short",
        "amount": number % 1000,
        "at": 1_700_000_000_000,
        "attributes": {"number": str(number)},
        "mood": "good",
    }


def insert(session: Session) -> Callable[[dict[str, Any]], tuple[Any, tuple[Any, ...]]]:
    """A function that binds a row to the insert statement. Times are bound as milliseconds, past Python's years."""
    columns = list(lab.REFUSED["columns"])
    marks = ", ".join("?" for _ in columns)
    statement = session.prepare(f"INSERT INTO {TABLE} ({', '.join(columns)}) VALUES ({marks})")
    return lambda row: (statement, tuple(row[column] for column in columns))


def bad_rows(first_id: int, each: int, generator: random.Random) -> Iterator[tuple[dict[str, Any], Kind]]:
    """`each` rows of every kind."""
    for position, kind in enumerate(KINDS):
        for number in range(each):
            row = good_row(first_id + position * each + number)
            kind.spoil(row, generator)
            yield row, kind


def execute(connection: psycopg.Connection[Any], statements: tuple[str, ...]) -> None:
    """Run statements on PostgreSQL."""
    for statement in statements:
        connection.execute(sql.SQL(statement))  # type: ignore[arg-type] # our own text
