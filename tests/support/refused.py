"""Rows that PostgreSQL refuses, in ten ways, among rows that it takes: table `lab.refused`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from cassandra.cluster import Session
from cassandra.query import PreparedStatement
from psycopg import sql

from tests.support import lab

TABLE = "lab.refused"
TAKEN_TICKET = 1
"""The good row 0 has it before the others are written."""
SECRETS = ("confidential", "2000000", "123456", "300000")
"""Parts of the rows' values that no reason may quote."""
_YEAR_300000_MS = 9_404_672_016_000_000

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
    " IF NEW.mood = 'bad' THEN RAISE EXCEPTION 'not in this mood: %', NEW.label; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER refuse_mood BEFORE INSERT OR UPDATE ON public.refused"
    " FOR EACH ROW EXECUTE FUNCTION public.refuse_mood()",
    "CREATE TABLE public.refused_log (at bigserial PRIMARY KEY, id int, version int, writer text)",
    "CREATE FUNCTION public.log_refused() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
    " INSERT INTO public.refused_log (id, version, writer)"
    " VALUES (NEW.id, NEW.version, current_setting('application_name')); RETURN NULL; END $$",
    "CREATE TRIGGER log_refused AFTER INSERT OR UPDATE ON public.refused"
    " FOR EACH ROW EXECUTE FUNCTION public.log_refused()",
)
"""Constraints that refuse rows, and a log of every write that the table took, in its order."""
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
)
NO_LOG = (
    "DROP TRIGGER IF EXISTS log_refused ON public.refused",
    "DROP FUNCTION IF EXISTS public.log_refused",
    "DROP TABLE IF EXISTS public.refused_log",
)


@dataclass(frozen=True)
class Kind:
    """One way to be refused."""

    sqlstate: str
    name: str
    spoiled: dict[str, Any] = field(hash=False)
    """Columns that make a good row a bad one."""
    place: str = ""
    """What the reason names, where PostgreSQL says it."""
    cured_at_source: str = ""
    """The assignment that cures it, where no change of PostgreSQL can."""


KINDS = (
    Kind("23514", "CheckViolation", {"number": 2_000_000}, "table public.refused constraint number_check"),
    Kind("23502", "NotNullViolation", {"code": None}, "table public.refused column code"),
    Kind("23505", "UniqueViolation", {"ticket": TAKEN_TICKET}, "table public.refused constraint refused_ticket"),
    Kind("23503", "ForeignKeyViolation", {"grp": 77}, "table public.refused constraint group_known"),
    Kind("22021", "CharacterNotInRepertoire", {"label": "confidential \0"}, cured_at_source="label = 'mended'"),
    Kind("22001", "StringDataRightTruncation", {"short": "confidential, and far too long"}),
    Kind("22003", "NumericValueOutOfRange", {"amount": 123_456}),
    Kind("22008", "DatetimeFieldOverflow", {"at": _YEAR_300000_MS}, cured_at_source="at = 0"),
    Kind(
        "22P05",
        "UntranslatableCharacter",
        {"attributes": {"k": "confidential \0"}},
        cured_at_source="attributes = {'k': 'mended'}",
    ),
    Kind("P0001", "RaiseException", {"mood": "bad"}),
)


@dataclass(frozen=True)
class BadRow:
    """A row that PostgreSQL refuses."""

    number: int
    kind: Kind

    @property
    def row(self) -> dict[str, Any]:
        """Its columns."""
        return good_row(self.number, version=1) | self.kind.spoiled


def good_row(number: int, version: int = 0) -> dict[str, Any]:
    """A row that every constraint takes."""
    return {
        "id": number,
        "version": version,
        "number": number,
        "code": f"confidential code {number}",
        "ticket": TAKEN_TICKET if number == 0 else None,
        "grp": number % 10,
        "label": f"confidential label {number}",
        "short": "short",
        "amount": number % 1000,
        "at": 1_700_000_000_000,
        "attributes": {"number": str(number)},
        "mood": "good",
    }


def bad_rows(first: int, each: int) -> Iterator[BadRow]:
    """`each` rows of every kind, numbered from `first`, one kind after the other."""
    for number in range(each * len(KINDS)):
        yield BadRow(first + number, KINDS[number % len(KINDS)])


def insert_statement(session: Session) -> PreparedStatement:
    """The insert of a whole row. Times are bound as milliseconds, past Python's years."""
    columns = list(lab.REFUSED["columns"])
    marks = ", ".join("?" for _ in columns)
    return session.prepare(f"INSERT INTO {TABLE} ({', '.join(columns)}) VALUES ({marks})")


def values(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row as the parameters of `insert_statement`."""
    return tuple(row[column] for column in lab.REFUSED["columns"])


def execute(connection: psycopg.Connection[Any], statements: tuple[str, ...]) -> None:
    """Run statements on PostgreSQL."""
    for statement in statements:
        connection.execute(sql.SQL(statement))
