"""Every CQL type with values as CQL writes them, and the table of the documentation that says what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconcile.types import UnsupportedTypeError, postgres_column
from tests.support.pipeline import PROJECT

TABLE: Final = "lab.kinds"
USER_TYPE: Final = "place"
USER_TYPE_STATEMENT: Final = f"CREATE TYPE IF NOT EXISTS lab.{USER_TYPE} (street text, number int)"
DOCUMENT: Final[Path] = PROJECT / "docs" / "type-matrix.md"
CASES: Final = ("normal", "null", "empty", "extreme")
_CELL_CHARACTERS: Final = 44


@dataclass(frozen=True)
class Kind:
    """One CQL type; values are CQL literals, and an empty text says that the type has no such value."""

    cql_type: str
    normal: str
    empty: str
    extreme: str

    @property
    def column(self) -> str:
        """Its column in `lab.kinds`."""
        name = "".join(letter if letter.isalnum() else "_" for letter in self.cql_type)
        return f"v_{name.strip('_')}"

    def literal(self, case: str) -> str:
        """The value in a case."""
        return "null" if case == "null" else str(getattr(self, case))


KINDS: Final = (
    Kind("ascii", "'plain'", "''", "'it''s ~ \"quoted\" \\ back'"),
    Kind("bigint", "42", "", "-9223372036854775808"),
    Kind("blob", "0xcafe", "0x", "0x00ff00"),
    Kind("boolean", "true", "", "false"),
    Kind("date", "'2025-12-08'", "", "'-4712-01-01'"),
    Kind("decimal", "12.50", "", "-123456789012345678901234567890.000000000000000000000000000001"),
    Kind("double", "0.1", "", "1.7976931348623157E308"),
    Kind("duration", "1h30m", "0s", "-178956970y7mo2147483647d2562047h47m16s854ms775us807ns"),
    Kind("float", "0.5", "", "3.4028235E38"),
    Kind("inet", "'192.0.2.1'", "", "'2001:db8::1'"),
    Kind("int", "42", "", "-2147483648"),
    Kind("smallint", "42", "", "-32768"),
    Kind("text", "'plain'", "''", "'\U0001f600 it''s\n\"two\" lines'"),
    Kind("time", "'12:30:00'", "'00:00:00'", "'23:59:59.999999999'"),
    Kind("timestamp", "'2025-12-08T14:30:00.123Z'", "", "9223372036854775807"),
    Kind("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f", "", "ffffffff-ffff-1fff-bfff-ffffffffffff"),
    Kind("tinyint", "42", "", "-128"),
    Kind("uuid", "f81d4fae-7dec-41d0-a765-00a0c91e6bf6", "", "00000000-0000-0000-0000-000000000000"),
    Kind("varchar", "'plain'", "''", "'a nul is refused: \0'"),
    Kind("varint", "42", "", "-1" + "0" * 60),
    Kind("list<int>", "[1, 2]", "[]", "[-2147483648, 2147483647]"),
    Kind("set<text>", "{'a', 'b'}", "{}", "{'', '\"x\", {y}'}"),
    Kind("map<text, int>", "{'a': 1}", "{}", "{'': -2147483648, '\"': 1}"),
    Kind("frozen<list<text>>", "['a', 'b']", "[]", "['', 'null', '{}']"),
    Kind("frozen<tuple<int, text>>", "(1, 'a')", "(null, null)", "(-2147483648, '')"),
    Kind(f"frozen<{USER_TYPE}>", "{street: 'Main', number: 1}", "{street: null, number: null}", "{street: ''}"),
)
REFUSED_TYPES: Final = ("counter", "vector<float, 3>")
"""The preflight refuses a table that has them."""


def refusal(cql_type: str) -> str:
    """Why the type map refuses a type."""
    try:
        postgres_column(cql_type)
    except UnsupportedTypeError as error:
        return str(error).partition(f"type {cql_type}: ")[2]
    raise AssertionError(f"{cql_type} is not refused")


def render(arrived: Mapping[tuple[str, str], str]) -> str:
    """The document; `arrived` holds by CQL type and case what PostgreSQL shows, as Markdown."""
    lines = [
        "# What becomes of each CQL type",
        "",
        "<!-- Written by tests/integration/test_type_matrix.py from what it saw; CDC_WRITE_DOCS=1 writes it again. -->",
        "",
        "Each value was written with CQL on the testbed and is shown as PostgreSQL prints it. A value that PostgreSQL",
        "cannot hold goes to the [dead letter queue](dead-letter-queue.md) with the reason that is shown; a type that",
        "cannot be replicated is refused by `make up` before anything is touched. `-`: CQL has no such value.",
        "",
        "| CQL type | PostgreSQL type | normal | NULL | empty | extreme |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        cells = [arrived[kind.cql_type, case] if kind.literal(case) else "-" for case in CASES]
        pg_type = postgres_column(kind.cql_type).type
        lines.append(f"| `{kind.cql_type}` | `{pg_type}` | {' | '.join(cells)} |")
    lines += [f"| `{cql_type}` | refused | {refusal(cql_type)} | | | |" for cql_type in REFUSED_TYPES]
    return "\n".join(lines) + "\n"


def cell(text: str | None) -> str:
    """A value of PostgreSQL as a cell of the table."""
    if text is None:
        return "NULL"
    if not text:
        return "empty text"
    shown = text.replace("\n", "\\n").replace("|", "\\|").replace("`", "'")
    shown = shown if len(shown) <= _CELL_CHARACTERS else f"{shown[:_CELL_CHARACTERS]}..."
    return f"`{shown}`" + (f" ({len(text)} characters)" if shown.endswith("...") else "")
