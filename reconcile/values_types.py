"""The type of a column's values with its user-defined types resolved, and marks for values that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconcile.types import CqlType, UnsupportedTypeError, parse_cql_type

UserType = Sequence[tuple[str, str]]
"""Fields of a user-defined type: name and CQL type text, in order."""


@dataclass(frozen=True)
class ValueType:
    """A CQL type as a tree. Hashable and picklable, so that readers for it can be made once per process."""

    name: str
    """`int`, `list`, `map`, `tuple`, `udt`, ..."""
    arguments: tuple[ValueType, ...] = ()
    """Element types of a collection or tuple; field types of a user-defined type."""
    fields: tuple[str, ...] = ()
    """Field names of a user-defined type."""
    frozen: bool = False

    @property
    def is_scalar(self) -> bool:
        """True for types without inner types."""
        return not self.arguments


@dataclass(frozen=True)
class Unreadable:
    """A stored value that its column's rule cannot read; it equals nothing of the other side."""

    text: str

    def __str__(self) -> str:
        return f"unreadable: {self.text}"


def resolve(cql_type: str, column: str, user_type: Callable[[str], UserType | None]) -> ValueType:
    """Parse a CQL type and put user-defined types in place of their names.

    Args:
        user_type: returns the fields of the keyspace's type of that name, None when there is none.

    Raises:
        UnsupportedTypeError: the type cannot be compared; names column and type.
    """
    return _resolve(parse_cql_type(cql_type, column), column, user_type)


def _resolve(parsed: CqlType, column: str, user_type: Callable[[str], UserType | None]) -> ValueType:
    if parsed.user_defined:
        fields = user_type(parsed.name)
        if fields is None:
            raise UnsupportedTypeError(f"column {column}: ScyllaDB has no type {parsed.name} in the table's keyspace")
        types = tuple(resolve(text, column, user_type) for _, text in fields)
        return ValueType("udt", types, tuple(name for name, _ in fields), parsed.frozen)
    arguments = tuple(_resolve(argument, column, user_type) for argument in parsed.arguments)
    return ValueType(parsed.name, arguments, (), parsed.frozen)
