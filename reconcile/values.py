"""The rule of a column: when a CQL value and a PostgreSQL value are the same, and how to write one as the other.

Both sides are turned into one canonical value (see `values_cql`), and `==` of canonical values decides. What decides
the rule is the actual type of the PostgreSQL column, not the type that the sink would have made.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from reconcile.values_cql import EXACT, Reader, reader, write_key
from reconcile.values_json import dump_json, to_json
from reconcile.values_parameter import parameter
from reconcile.values_postgres import PgReader, PgType, parse_pg_type, pg_reader
from reconcile.values_text import from_text, to_text
from reconcile.values_types import Unreadable, ValueType

_TEXTS: Final = ("text", "character varying", "character", "bpchar")
_SAME_BYTES: Final = {
    "text": _TEXTS, "ascii": _TEXTS, "uuid": ("uuid",), "timeuuid": ("uuid",), "blob": ("bytea",),
    "int": ("integer",), "bigint": ("bigint",), "time": ("bigint",), "counter": ("bigint",), "smallint": ("smallint",),
    "float": ("real",), "double": ("double precision",), "boolean": ("boolean",),
}  # fmt: skip
_MANY_BYTES_FOR_ONE_VALUE: Final = frozenset({"float", "double", "boolean"})
"""Types where two values are the same although their bytes are not: NaN and zero have several forms."""


_NOT_OF_THE_TYPE: Final = (ValueError, TypeError, ArithmeticError, LookupError, struct.error)


class Comparison(StrEnum):
    """How cells of a column are compared before the rule itself is asked."""

    BYTES = "bytes"
    """Equal bytes are equal values."""
    NUMBERS = "numbers"
    """Both sides are read as whole numbers: milliseconds since 1970 and microseconds since 2000."""
    RULE = "rule"
    """Only the rule can tell."""


@dataclass(frozen=True)
class Rule:
    """How one column is compared, written and shown. Picklable."""

    column: str
    value_type: ValueType
    pg_type: str
    """As PostgreSQL's `format_type` prints it."""

    @property
    def name(self) -> str:
        """For logs, such as `decimal = numeric`."""
        return f"{self.value_type.name} = {self.pg_type}"

    @property
    def base_pg_type(self) -> str:
        """The PostgreSQL type without length or precision."""
        # `character` alone would mean character(1).
        name = "bpchar" if self._pg_type.name == "character" else self._pg_type.name
        return name + "[]" * self._pg_type.is_array

    @property
    def is_repairable(self) -> bool:
        """False for counters: their value cannot be set, and writing them elsewhere would hide that."""
        return self.value_type.name != "counter"

    @cached_property
    def comparison(self) -> Comparison:
        """How cells are compared at first."""
        if self._pg_type.is_array:
            return Comparison.RULE
        if self._pg_type.name in _SAME_BYTES.get(self.value_type.name, ()):
            return Comparison.BYTES
        return Comparison.NUMBERS if self.value_type.name == "timestamp" else Comparison.RULE

    @cached_property
    def key_comparison(self) -> Comparison:
        """How cells are compared when the column is part of the key: unequal forms must be unequal values."""
        ambiguous = self.value_type.name in _MANY_BYTES_FOR_ONE_VALUE
        return Comparison.RULE if ambiguous else self.comparison

    def canonical_source(self, raw: bytes | int | None) -> Any:
        """Return the canonical value of a cell as `SourceClient` reads it: bytes; timestamps as milliseconds."""
        if raw is None:
            return None
        try:
            return self._null_if_empty(raw * 1000 if isinstance(raw, int) else self._read_source(raw))
        except _NOT_OF_THE_TYPE as error:
            return Unreadable(f"{error}")

    def canonical_target(self, raw: bytes | int | None) -> Any:
        """Return the canonical value of a cell as `TargetClient` reads it: bytes; timestamps as microseconds."""
        if raw is None:
            return None
        try:
            return self._null_if_empty(self._read_target(raw))
        except _NOT_OF_THE_TYPE as error:
            return Unreadable(f"{error}")

    def to_parameter(self, value: Any) -> str | None:
        """Return the text that PostgreSQL reads a canonical value from, in an INSERT or UPDATE.

        Raises:
            UnrepresentableError: the column cannot hold it.
        """
        return None if value is None else parameter(self.value_type, self._pg_type, value)

    def show(self, value: Any) -> str | None:
        """Return a canonical value as text for people, the same in every process."""
        if value is None or isinstance(value, Unreadable):
            return None if value is None else str(value)
        if self.value_type.is_scalar:
            return to_text(self.value_type.name, value)
        return dump_json(to_json(self.value_type, value))

    def parse(self, text: str | None) -> Any:
        """Return the canonical value that `show` made a text of; of key columns only. Raises ValueError."""
        return None if text is None else from_text(self.value_type.name, text)

    def to_cql(self, value: Any) -> bytes | None:
        """Return the bytes of a canonical value of a key column as ScyllaDB holds them."""
        return None if value is None else write_key(self.value_type.name, value)

    def identity(self, value: Any) -> bytes:
        """Return bytes that are the same exactly for equal canonical values of a key column, in every process."""
        if self.value_type.name in ("decimal", "varint") and not isinstance(value, Unreadable):
            value = value.normalize(EXACT)
        return (self.show(value) or "").encode("utf-8", "surrogateescape")

    @cached_property
    def _pg_type(self) -> PgType:
        return parse_pg_type(self.pg_type)

    @cached_property
    def _read_source(self) -> Reader:
        return reader(self.value_type)

    @cached_property
    def _read_target(self) -> PgReader:
        read = pg_reader(self.value_type, self._pg_type)
        if read is None:
            raise AssertionError(f"{self.column}: rule_for made a rule without a reader")
        return read

    def _null_if_empty(self, value: Any) -> Any:
        # ScyllaDB cannot tell an empty collection from none unless it is frozen.
        is_open_collection = self.value_type.name in ("list", "set", "map") and not self.value_type.frozen
        return None if is_open_collection and not value else value

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("column", "value_type", "pg_type")}


def rule_for(column: str, value_type: ValueType, pg_type: str) -> Rule | None:
    """Return the rule for a pair of types, None when there is none."""
    return Rule(column, value_type, pg_type) if pg_reader(value_type, parse_pg_type(pg_type)) else None
