"""PostgreSQL's binary format of values -> canonical values, for each pair of types that has a rule."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import pq

from reconcile.values_cql import multiset
from reconcile.values_json import json_reader, parse_json
from reconcile.values_text import address, canonical_double, from_text
from reconcile.values_types import ValueType

UNIX_US: Final = 946_684_800_000_000
"""PostgreSQL's epoch, 2000-01-01, in microseconds since 1970."""
UNIX_DAYS: Final = 10_957
_INFINITY: Final = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_DATE_INFINITY: Final = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_FORM: Final = re.compile(r"([^(\[]+?)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?(\[\])?")
_TEXTS: Final = ("text", "character varying", "character", "bpchar")
_INTEGERS: Final = ("smallint", "integer", "bigint")
_JSONS: Final = ("jsonb", "json", *_TEXTS)
_ARRAY_HEADER: Final = struct.Struct(">iii")

PgReader = Callable[[Any], Any]


@dataclass(frozen=True)
class PgType:
    """A PostgreSQL type as `format_type` prints it, taken apart."""

    name: str
    """`numeric`, `timestamp with time zone`, ..."""
    modifiers: tuple[int, ...] = ()
    """Precision and scale, or length."""
    is_array: bool = False

    @property
    def element(self) -> PgType:
        """The type of an array's elements."""
        return PgType(self.name, self.modifiers)


def parse_pg_type(text: str) -> PgType:
    """Take apart what `format_type` printed."""
    match = _FORM.fullmatch(text)
    if match is None:
        return PgType(text)
    modifiers = tuple(int(part) for part in (match[2], match[3]) if part is not None)
    return PgType(match[1] + (match[4] or ""), modifiers, match[5] is not None)


@cache
def pg_reader(value_type: ValueType, pg_type: PgType) -> PgReader | None:
    """Return the function that turns PostgreSQL's binary form into the canonical value.

    The forms are bytes; of timestamps, microseconds since 2000. None when the pair of types has no rule. The
    function raises ValueError or TypeError for a value that is not of the CQL type.
    """
    if pg_type.is_array:
        return _array_reader(value_type, pg_type)
    if value_type.is_scalar:
        return _SCALARS.get((value_type.name, pg_type.name))
    if pg_type.name not in _JSONS:
        return None
    read, start = json_reader(value_type), 1 if pg_type.name == "jsonb" else 0
    return lambda data: read(parse_json(data[start:]))


def _array_reader(value_type: ValueType, pg_type: PgType) -> PgReader | None:
    build: Callable[[list[Any]], Any]
    if value_type.name == "list":
        build = tuple
    elif value_type.name == "set":
        build = multiset
    else:
        return None
    read = pg_reader(value_type.arguments[0], pg_type.element)
    if read is None:
        return None
    # The driver hands over timestamps as numbers, but not inside of an array.
    parse: PgReader = (lambda data: read(_integer(data))) if pg_type.name.startswith("timestamp") else read
    return lambda data: build([None if item is None else parse(item) for item in _array_items(data)])


def _array_items(data: bytes) -> list[bytes | None]:
    dimensions, _, _ = _ARRAY_HEADER.unpack_from(data)
    if dimensions == 0:
        return []
    if dimensions > 1:
        raise ValueError(f"an array of {dimensions} dimensions")
    (count,) = struct.unpack_from(">i", data, 12)
    items: list[bytes | None] = []
    position = 20
    for _ in range(count):
        (length,) = struct.unpack_from(">i", data, position)
        position += 4
        items.append(None if length < 0 else data[position : position + length])
        position += max(length, 0)
    return items


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


_NUMERIC_OID: Final = psycopg.adapters.types["numeric"].oid
_NumericLoader: Final[Any] = psycopg.adapters.get_loader(_NUMERIC_OID, pq.Format.BINARY)
_load_numeric: Final = _NumericLoader(_NUMERIC_OID, None).load


def _finite(data: bytes) -> Decimal:
    value: Decimal = _load_numeric(data)
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that ScyllaDB can hold")
    return value


def _whole(data: bytes) -> Decimal:
    value = _finite(data)
    if value != value.to_integral_value():
        raise ValueError(f"{value} is not a whole number")
    return value


def _boolean_number(data: bytes) -> bool:
    value = _integer(data)
    if value not in (0, 1):
        raise ValueError(f"{value} is not a boolean")
    return value == 1


def _timestamp(us: int) -> int | str:
    return _INFINITY.get(us) or us + UNIX_US


def _date(data: bytes) -> int | str:
    days = _integer(data)
    return _DATE_INFINITY.get(days) or days + UNIX_DAYS


def _inet(data: bytes) -> Any:
    bits, packed = data[1], data[4:]
    if bits != 8 * len(packed):
        raise ValueError(f"{address(packed)}/{bits} is a network, not an address")
    return address(packed)


def _text_reader(name: str) -> PgReader:
    return lambda data: from_text(name, _text(data))


def _scalar_readers() -> dict[tuple[str, str], PgReader]:
    """One reader for each pair of plain types that can be compared."""
    readers: dict[tuple[str, str], PgReader] = {}

    def add(cql_names: tuple[str, ...], pg_names: tuple[str, ...], reader: PgReader) -> None:
        readers.update({(cql, pg): reader for cql in cql_names for pg in pg_names})

    integers = ("tinyint", "smallint", "int", "bigint", "counter", "time")
    for name in (*integers, "uuid", "timeuuid", "varint", "decimal", "duration", "inet"):
        add((name,), _TEXTS, _text_reader(name))
    add(("text", "ascii"), _TEXTS, _text)
    add(("uuid", "timeuuid"), ("uuid",), lambda data: UUID(bytes=data))
    add(integers, _INTEGERS, _integer)
    add(integers, ("numeric",), lambda data: int(_whole(data)))
    add(("time",), ("time without time zone",), lambda data: _integer(data) * 1000)
    add(("varint",), _INTEGERS, lambda data: Decimal(_integer(data)))
    add(("varint",), ("numeric",), _whole)
    add(("decimal",), ("numeric",), _finite)
    add(("float",), ("real",), lambda data: canonical_double(struct.unpack(">f", data)[0]))
    add(("float",), ("double precision",), lambda data: canonical_double(struct.unpack(">d", data)[0]))
    add(("double",), ("double precision",), lambda data: canonical_double(struct.unpack(">d", data)[0]))
    add(("boolean",), ("boolean",), lambda data: data != b"\0")
    add(("boolean",), _INTEGERS, _boolean_number)
    add(("timestamp",), ("timestamp with time zone", "timestamp without time zone"), _timestamp)
    add(("date",), ("date",), _date)
    add(("inet",), ("inet",), _inet)
    add(("blob",), ("bytea",), bytes)
    return readers


_SCALARS: Final = _scalar_readers()
