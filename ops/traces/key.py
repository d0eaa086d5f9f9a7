"""A row's key as a person types it, and as the traces hold it (`Change` of the Connect plug-in)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ops.errors import OpsError
from ops.outputs import Table
from reconcile.values_text import from_text, to_text

_CQL_TYPES: Final[Mapping[str, str]] = {
    "bigint": "bigint",
    "boolean": "boolean",
    "bytea": "blob",
    "date": "date",
    "inet": "inet",
    "integer": "int",
    "smallint": "smallint",
    "timestamptz": "timestamp",
    "uuid": "uuid",
}
"""By type of PostgreSQL, where a value has more than one spelling; all others stay as they are typed."""


def key_text(table: Table, given: Sequence[str]) -> str:
    """Return the tag that traces of a row have: `bucket=7, id=a`, by the names of the columns.

    Args:
        given: a value for each column of the key, in the key's order, or as `column=value` in any order.

    Raises:
        OpsError: a column is missing or given twice, or a value is not of its column's type.
    """
    values: dict[str, str] = {}
    unnamed = [column for column in table.keys if not any(each.startswith(f"{column}=") for each in given)]
    for each in given:
        name, mark, value = each.partition("=")
        if not (mark and name in table.keys):
            if not unnamed:
                raise _wrong(table, f"{each!r} is one value too many")
            name, value = unnamed.pop(0), each
        if name in values:
            raise _wrong(table, f"{name} is given twice")
        values[name] = _canonical(table, name, value)
    if unnamed:
        raise _wrong(table, f"{', '.join(unnamed)} is missing")
    return ", ".join(f"{name}={values[name]}" for name in sorted(values))


def _canonical(table: Table, column: str, value: str) -> str:
    kind = table.columns.get(column, "")
    if kind not in _CQL_TYPES:
        return value
    try:
        return to_text(_CQL_TYPES[kind], from_text(_CQL_TYPES[kind], value))
    except ValueError:
        raise _wrong(table, f"{value!r} is no value of {column}, which is {kind}") from None


def _wrong(table: Table, what: str) -> OpsError:
    example = " ".join(f"--key {column}=..." for column in table.keys)
    return OpsError(f"The key of {table.source}: {what}.", f"Write {example}")
