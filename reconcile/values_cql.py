"""CQL's wire format of values <-> canonical values.

Canonical values are hashable and equal exactly when a person would call the values equal:

    text, ascii          str                       list, tuple, UDT   tuple of canonical values
    uuid, timeuuid       UUID                      set, map           frozenset of (value, how often)
    integers, time (ns)  int                       timestamp          int, microseconds since 1970
    varint, decimal      Decimal                   date               int, days since 1970
    float, double        float; NaN as "NaN"       duration           (months, days, nanoseconds)
    boolean              bool                      inet               IPv4Address or IPv6Address
    blob                 bytes                     no value           None
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from cassandra.marshal import varint_pack, vints_unpack

from reconcile.values_text import IpAddress, address, canonical_double, canonical_map_key
from reconcile.values_types import ValueType

EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""A context that never rounds."""
_DATE_OFFSET_DAYS: Final = 2**31
_MAY_BE_EMPTY: Final = frozenset({"text", "ascii", "blob"})

Reader = Callable[[bytes], Any]


def multiset(values: Iterable[Any]) -> frozenset[Any]:
    """Return values without their order; how often each occurs counts."""
    return frozenset(Counter(values).items())


def members(values: frozenset[Any]) -> Iterator[Any]:
    """What a multiset holds, in no order."""
    for value, count in values:
        for _ in range(count):
            yield value


@cache
def reader(value_type: ValueType) -> Reader:
    """Return the function that turns the bytes of a value into its canonical form; it raises ValueError."""
    if value_type.is_scalar:
        read = _SCALARS[value_type.name]
        return read if value_type.name in _MAY_BE_EMPTY else lambda data: read(data) if data else None
    return _NESTED[value_type.name](value_type)


def write_key(name: str, value: Any) -> bytes:
    """Return the bytes of a canonical value of a plain type, as a key holds them."""
    return _WRITERS[name](value)


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _decimal(data: bytes) -> Decimal:
    unscaled = Decimal(int.from_bytes(data[4:], "big", signed=True))
    return unscaled.scaleb(-_integer(data[:4]), EXACT)


def _float(data: bytes) -> float | str:
    return canonical_double(struct.unpack(">f", data)[0])


def _double(data: bytes) -> float | str:
    return canonical_double(struct.unpack(">d", data)[0])


def _duration(data: bytes) -> tuple[int, int, int]:
    months, days, nanoseconds = vints_unpack(data)
    return months, days, nanoseconds


_SCALARS: Final[dict[str, Reader]] = {
    # Bytes that are not UTF-8 stay distinguishable.
    "text": lambda data: data.decode("utf-8", "surrogateescape"),
    "ascii": lambda data: data.decode("utf-8", "surrogateescape"),
    "blob": bytes,
    "uuid": lambda data: UUID(bytes=data),
    "timeuuid": lambda data: UUID(bytes=data),
    "tinyint": _integer,
    "smallint": _integer,
    "int": _integer,
    "bigint": _integer,
    "counter": _integer,
    "time": _integer,
    "varint": lambda data: Decimal(_integer(data)),
    "decimal": _decimal,
    "float": _float,
    "double": _double,
    "boolean": lambda data: data != b"\0",
    "timestamp": lambda data: _integer(data) * 1000,
    "date": lambda data: int.from_bytes(data, "big") - _DATE_OFFSET_DAYS,
    "duration": _duration,
    "inet": address,
}

_MAP_KEYS: Final[dict[str, Reader]] = {
    "float": lambda data: canonical_map_key(struct.unpack(">f", data)[0]) if data else None,
    "double": lambda data: canonical_map_key(struct.unpack(">d", data)[0]) if data else None,
}


def _items(data: bytes, count: int, position: int) -> Iterator[bytes | None]:
    """Values that each follow their length; those that were cut off at the end are None."""
    for _ in range(count):
        length = _integer(data[position : position + 4]) if position < len(data) else -1
        position += 4
        yield data[position : position + length] if length >= 0 else None
        position += max(length, 0)


def _collection(value_type: ValueType, build: Callable[[Iterable[Any]], Any]) -> Reader:
    read = reader(value_type.arguments[0])

    def elements(data: bytes) -> Any:
        items = _items(data, _integer(data[:4]), 4)
        return build([None if item is None else read(item) for item in items])

    return elements


def _map(value_type: ValueType) -> Reader:
    key_type, item_type = value_type.arguments
    read_key, read_value = _MAP_KEYS.get(key_type.name) or reader(key_type), reader(item_type)

    def entries(data: bytes) -> Any:
        items = _items(data, 2 * _integer(data[:4]), 4)
        return multiset((read_key(key or b""), None if item is None else read_value(item)) for key, item in
                        zip(items, items, strict=True))  # fmt: skip

    return entries


def _tuple(value_type: ValueType) -> Reader:
    readers = [reader(argument) for argument in value_type.arguments]

    def parts(data: bytes) -> Any:
        items = _items(data, len(readers), 0)
        return tuple(None if item is None else read(item) for read, item in zip(readers, items, strict=True))

    return parts


def _user_type(value_type: ValueType) -> Reader:
    read = _tuple(value_type)
    return lambda data: none_if_all_none(read(data))


def none_if_all_none(fields: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return None for a user-defined type without any value: the connector sends NULL for it."""
    return None if all(field is None for field in fields) else fields


_NESTED: Final[dict[str, Callable[[ValueType], Reader]]] = {
    "list": lambda value_type: _collection(value_type, tuple),
    "set": lambda value_type: _collection(value_type, multiset),
    "map": _map,
    "tuple": _tuple,
    "udt": _user_type,
}


def _write_integer(size_bytes: int) -> Callable[[int], bytes]:
    return lambda value: value.to_bytes(size_bytes, "big", signed=True)


def _write_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    unscaled = int(Decimal((sign, digits, 0)))
    return struct.pack(">i", -int(exponent)) + bytes(varint_pack(unscaled))


def _write_text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _write_address(value: IpAddress) -> bytes:
    return value.packed


_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "text": _write_text,
    "ascii": _write_text,
    "blob": bytes,
    "uuid": lambda value: value.bytes,
    "timeuuid": lambda value: value.bytes,
    "tinyint": _write_integer(1),
    "smallint": _write_integer(2),
    "int": _write_integer(4),
    "bigint": _write_integer(8),
    "time": _write_integer(8),
    "varint": lambda value: bytes(varint_pack(int(value))),
    "decimal": _write_decimal,
    "float": lambda value: struct.pack(">f", float(value)),
    "double": lambda value: struct.pack(">d", float(value)),
    "boolean": lambda value: b"\1" if value else b"\0",
    "timestamp": lambda value: (value // 1000).to_bytes(8, "big", signed=True),
    "date": lambda value: (value + _DATE_OFFSET_DAYS).to_bytes(4, "big"),
    "inet": _write_address,
}
