"""The type map: which PostgreSQL column holds a CQL column, and how the sink binds it.

This is the one place that knows it. Target tables are made from it, the preflight refuses what it cannot map,
and the comparison of both sides reads it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|\"(?P<quoted>(?:[^\"]|\"\")+)\"|(?P<sign>[<>,]))",
)

_SCALARS = {
    "ascii": "text",
    "text": "text",
    "uuid": "uuid",
    "timeuuid": "uuid",
    "int": "integer",
    "bigint": "bigint",
    "smallint": "smallint",
    "tinyint": "smallint",
    "varint": "numeric",
    "decimal": "numeric",
    "float": "real",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "time": "bigint",  # nanoseconds since midnight: the sink cannot bind PostgreSQL's time
    "duration": "text",  # ScyllaDB's text form, such as 1mo2d: not an interval that PostgreSQL can read
    "inet": "inet",
    "blob": "bytea",
}

# The connector sends these elements as plain strings; the sink binds an array of strings only to text[].
_TEXT_ELEMENTS = {"ascii", "text", "uuid", "timeuuid", "inet", "decimal", "varint", "duration"}
_PLAIN_ELEMENTS = {"int", "bigint", "smallint", "tinyint", "boolean", "float", "double", "time"}

_ARGUMENT_COUNTS = {"list": 1, "set": 1, "map": 2, "frozen": 1}
_NOT_REPLICATED = {
    "counter": "ScyllaDB has no CDC for counters, so such a table cannot be replicated",
    "vector": "the connector cannot read vectors, so such a column cannot be replicated",
}


class UnsupportedTypeError(ValueError):
    """A CQL type that cannot be read or has no PostgreSQL counterpart. The message names column and type."""


class Binding(StrEnum):
    """How a value reaches its PostgreSQL column."""

    DIRECT = "direct"
    """The sink binds the value as the connector sends it."""
    JSON = "json"
    """The sink's transform turns the value into JSON text first."""


@dataclass(frozen=True)
class CqlType:
    """A parsed CQL type."""

    name: str
    """`int`, `map`, `tuple`, ... or the name of a user-defined type."""
    arguments: tuple["CqlType", ...] = ()
    """Element types of a collection or tuple."""
    frozen: bool = False
    user_defined: bool = False

    def __str__(self) -> str:
        name = self.name
        if self.user_defined and (name in _KNOWN_NAMES or not re.fullmatch(r"[a-z_][a-z0-9_]*", name)):
            name = '"' + name.replace('"', '""') + '"'
        inner = f"<{', '.join(str(argument) for argument in self.arguments)}>" if self.arguments else ""
        return f"frozen<{name}{inner}>" if self.frozen else f"{name}{inner}"


@dataclass(frozen=True)
class PostgresColumn:
    """The PostgreSQL side of one CQL column."""

    type: str
    """As PostgreSQL's `format_type` prints it, except that `timestamptz` stays short."""
    binding: Binding


_KNOWN_NAMES = {*_SCALARS, *_ARGUMENT_COUNTS, *_NOT_REPLICATED, "tuple", "varchar"}


def parse_cql_type(text: str, column: str = "?") -> CqlType:
    """Parse CQL type text such as `frozen<map<text, int>>`. Raises UnsupportedTypeError."""
    parser = _Parser(text, column)
    parsed = parser.type()
    parser.end()
    return parsed


def canonical_cql_type(text: str, column: str = "?") -> str:
    """Return one spelling for all spellings of a type, to compare a declared type with the server's.

    `varchar` is `text`, a tuple is always frozen, and inside a frozen type everything is frozen anyway.
    """
    parsed = parse_cql_type(text, column)
    return str(_without_inner_frozen(parsed, frozen=parsed.frozen or parsed.name == "tuple"))


def postgres_column(cql_type: str, column: str = "?") -> PostgresColumn:
    """Return the PostgreSQL column for a CQL column type. Raises UnsupportedTypeError."""
    parsed = parse_cql_type(cql_type, column)
    _refuse_not_replicated(parsed, cql_type, column)
    if not parsed.user_defined and parsed.name in _SCALARS:
        return PostgresColumn(_SCALARS[parsed.name], Binding.DIRECT)
    if parsed.name in ("list", "set") and not parsed.user_defined:
        element = parsed.arguments[0]
        if not element.user_defined and element.name in _TEXT_ELEMENTS:
            return PostgresColumn("text[]", Binding.DIRECT)
        if not element.user_defined and element.name in _PLAIN_ELEMENTS:
            return PostgresColumn(_SCALARS[element.name] + "[]", Binding.DIRECT)
    return PostgresColumn("jsonb", Binding.JSON)


def postgres_key_column(cql_type: str, column: str = "?") -> PostgresColumn:
    """Return the PostgreSQL column for a column of the key: plain types only. Raises UnsupportedTypeError."""
    mapped = postgres_column(cql_type, column)
    parsed = parse_cql_type(cql_type, column)
    if parsed.arguments or parsed.user_defined:
        raise UnsupportedTypeError(
            f"column {column}: type {cql_type} cannot be part of the key of a replicated table; "
            "only plain types can, not collections, tuples or user-defined types"
        )
    return mapped


def _refuse_not_replicated(parsed: CqlType, text: str, column: str) -> None:
    if not parsed.user_defined and parsed.name in _NOT_REPLICATED:
        raise UnsupportedTypeError(f"column {column}: type {text}: {_NOT_REPLICATED[parsed.name]}")
    for argument in parsed.arguments:
        _refuse_not_replicated(argument, text, column)


def _without_inner_frozen(parsed: CqlType, *, frozen: bool) -> CqlType:
    arguments = tuple(_without_inner_frozen(argument, frozen=False) for argument in parsed.arguments)
    return CqlType(parsed.name, arguments, frozen, parsed.user_defined)


class _Parser:
    """Recursive descent over `name`, `name<type, ...>` and `"Name"`."""

    def __init__(self, text: str, column: str) -> None:
        self._text = text
        self._column = column
        self._position = 0

    def type(self) -> CqlType:
        """One type from the current position."""
        token = self._next()
        if token is None or token["sign"]:
            raise self._error("a type name is missing")
        if token["quoted"]:
            return CqlType(token["quoted"].replace('""', '"'), user_defined=True)
        name = token["word"].lower()
        if name == "vector":
            raise UnsupportedTypeError(f"column {self._column}: type {self._text}: {_NOT_REPLICATED['vector']}")
        arguments = self._arguments()
        self._check_count(name, arguments)
        if name == "frozen":
            inner = arguments[0]
            return CqlType(inner.name, inner.arguments, True, inner.user_defined)
        name = "text" if name == "varchar" else name
        return CqlType(name, tuple(arguments), user_defined=name not in _KNOWN_NAMES)

    def end(self) -> None:
        """Nothing may follow."""
        if self._text[self._position :].strip():
            raise self._error(f"'{self._text[self._position :].strip()}' is not expected")

    def _arguments(self) -> list[CqlType]:
        start = self._position
        token = self._next()
        if token is None or token["sign"] != "<":
            self._position = start
            return []
        arguments = [self.type()]
        while True:
            token = self._next()
            if token is not None and token["sign"] == ",":
                arguments.append(self.type())
            elif token is not None and token["sign"] == ">":
                return arguments
            else:
                raise self._error("'>' is missing")

    def _check_count(self, name: str, arguments: list[CqlType]) -> None:
        if name == "tuple":
            if not arguments:
                raise self._error("tuple needs element types, as in tuple<int, text>")
        elif len(arguments) != _ARGUMENT_COUNTS.get(name, 0):
            expected = _ARGUMENT_COUNTS.get(name, 0)
            raise self._error(f"{name} takes {expected} type arguments, not {len(arguments)}")

    def _next(self) -> re.Match[str] | None:
        match = _TOKEN.match(self._text, self._position)
        if match:
            self._position = match.end()
        return match

    def _error(self, problem: str) -> UnsupportedTypeError:
        return UnsupportedTypeError(f"column {self._column}: cannot read CQL type '{self._text}': {problem}")
