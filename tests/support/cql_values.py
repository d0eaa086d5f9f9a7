"""Random CQL types and values, as ScyllaDB sends them and as the pipeline writes them into PostgreSQL.

Nothing here uses the code under test: CQL bytes are the driver's, PostgreSQL's bytes psycopg's or made by hand, and
texts and JSON follow the Java of the connector and of the sink's transform.
"""

from __future__ import annotations

import ipaddress
import json
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

import numpy as np
import psycopg
from cassandra import cqltypes
from cassandra.util import Duration
from hypothesis import strategies as st

from reconcile.types import postgres_column
from reconcile.values import Rule, rule_for
from reconcile.values_types import ValueType, resolve

PROTOCOL = 4
US_2000 = 946_684_800_000_000
DAYS_2000 = 10_957


@dataclass(frozen=True)
class Sample:
    """A CQL type with a strategy for its values, which are plain Python."""

    cql: str
    driver: Any
    """The driver's class of the type."""
    values: st.SearchStrategy[Any]
    same: Callable[[Any], Any]
    """Equal for two values exactly when they are the same to a person."""
    json: Callable[[Any], str]
    """As the sink's transform writes the value into JSON."""
    text: Callable[[Any], str] | None = None
    """Scalars: as the connector or the sink hand the value to PostgreSQL as text."""
    to_driver: Callable[[Any], Any] = lambda value: value
    user_types: Mapping[str, Sequence[tuple[str, str]]] = ()  # type: ignore[assignment]

    @property
    def value_type(self) -> ValueType:
        """The type as the rules know it."""
        return resolve(self.cql, "c", dict(self.user_types).get)

    @property
    def rule(self) -> Rule:
        """The rule for the column that the type map makes."""
        pg_type = postgres_column(self.cql).type.replace("timestamptz", "timestamp with time zone")
        rule = rule_for("c", self.value_type, pg_type)
        assert rule, f"{self.cql} has no rule for its own column"
        return rule

    def source(self, value: Any) -> bytes | int | None:
        """The cell as SourceClient reads it."""
        if value is None:
            return None
        if self.cql == "timestamp":
            return int(value)
        return self.cql_bytes(value)

    def cql_bytes(self, value: Any) -> bytes:
        """The value's bytes on the wire."""
        return bytes(self.driver.serialize(self.to_driver(value), PROTOCOL))

    def target(self, value: Any) -> bytes | int | None:
        """The cell as TargetClient reads it, from the column that the type map makes."""
        if value is None:
            return None
        pg_type = postgres_column(self.cql).type
        if pg_type == "jsonb":
            return b"\1" + self.json(value).encode("utf-8")
        if pg_type.endswith("[]"):
            element = ELEMENTS[self.cql.removesuffix(">").rpartition("<")[2]]
            cells: list[Any] = [_binary(pg_type[:-2], element, item) for item in value]
            return _array(pg_type[:-2], cells)
        return _binary(pg_type, self, value)

    def postgres_text(self, value: Any) -> str | None:
        """PostgreSQL's input text, as the sink binds it to the column that the type map makes."""
        if value is None:
            return None
        pg_type = postgres_column(self.cql).type
        if pg_type == "jsonb":
            return self.json(value)
        if pg_type.endswith("[]"):
            element = ELEMENTS[self.cql.removesuffix(">").rpartition("<")[2]]
            assert element.text
            items = (element.text(item).replace("\\", "\\\\").replace('"', '\\"') for item in value)
            return "{" + ",".join(f'"{item}"' for item in items) + "}"
        assert self.text
        return self.text(value)


_NUMERIC = psycopg.adapters.get_dumper(Decimal, psycopg.adapt.PyFormat.BINARY)(Decimal)


def _binary(pg_type: str, sample: Sample, value: Any) -> bytes | int:
    assert sample.text
    if pg_type == "text":
        return sample.text(value).encode()
    if pg_type in ("smallint", "integer", "bigint"):
        return int(value).to_bytes({"smallint": 2, "integer": 4, "bigint": 8}[pg_type], "big", signed=True)
    if pg_type == "numeric":
        return bytes(_NUMERIC.dump(Decimal(value)) or b"")
    if pg_type == "timestamptz":
        return int(value) * 1000 - US_2000
    if pg_type == "date":
        return struct.pack(">i", value - DAYS_2000)
    if pg_type == "inet":
        packed = java_address(value).packed
        family = 2 if len(packed) == 4 else 3
        return bytes([family, 8 * len(packed), 0, len(packed)]) + packed
    simple: dict[str, Callable[[Any], bytes]] = {
        "uuid": lambda value: value.bytes,
        "real": lambda value: struct.pack(">f", value),
        "double precision": lambda value: struct.pack(">d", value),
        "boolean": lambda value: bytes([value]),
        "bytea": bytes,
    }
    return simple[pg_type](value)


def _array(pg_type: str, cells: list[bytes]) -> bytes:
    oid = psycopg.adapters.types[{"double precision": "float8", "real": "float4"}.get(pg_type, pg_type)].oid
    if not cells:
        return struct.pack(">iii", 0, 0, oid)
    return struct.pack(">iiiii", 1, 0, oid, len(cells), 1) + b"".join(struct.pack(">i", len(c)) + c for c in cells)


def java_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """What Java makes of the bytes of an address."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _java_address_text(text: str) -> str:
    address = java_address(text)
    if address.version == 4:
        return str(address)
    return ":".join(f"{group:x}" for group in struct.unpack(">8H", address.packed))


def _civil(days: int) -> str:
    """Proleptic Gregorian with astronomical years, such as -0004-01-01 (numpy counts the sign as a digit)."""
    text = str(np.datetime64(days, "D"))
    return f"-{text[1:].zfill(10)}" if text.startswith("-") else text


def java_date(days: int) -> str:
    """`LocalDate.toString`."""
    text = _civil(days)
    year = text[: text.index("-", 1)]
    return "+" + text if not year.startswith("-") and len(year) > 4 else text


def java_instant(milliseconds: int) -> str:
    """`Instant.toString`."""
    days, rest = divmod(milliseconds, 86_400_000)
    seconds, fraction = divmod(rest, 1000)
    text = f"{java_date(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:03}Z" if fraction else text + "Z"


def postgres_date(days: int) -> str:
    """As PostgreSQL's driver for Java writes a date: with the era."""
    text = _civil(days)
    year = int(text[: text.index("-", 1)])
    rest = text[text.index("-", 1) :]
    return f"{year:04}{rest}" if year > 0 else f"{1 - year:04}{rest} BC"


def _postgres_timestamp(milliseconds: int) -> str:
    days, rest = divmod(milliseconds, 86_400_000)
    date, _, era = postgres_date(days).partition(" ")
    seconds, fraction = divmod(rest, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:03}+00"
    return f"{date} {clock}{' ' + era if era else ''}"


def _number_text(value: float, shortest: str) -> str:
    return "NaN" if value != value else shortest.replace("inf", "Infinity")


def _float_text(value: float) -> str:
    return _number_text(value, str(np.float32(value)))


def _double_text(value: float) -> str:
    return _number_text(value, repr(value))


def _json_number(text: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: text(value) if text(value)[-1].isdigit() else f'"{text(value)}"'


def _json_text(text: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: json.dumps(text(value))


def _duration_text(value: Duration) -> str:
    months, days, rest = abs(value.months), abs(value.days), abs(value.nanoseconds)
    parts = [(months // 12, "y"), (months % 12, "mo"), (days, "d")]
    for unit, size in (("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 1000), ("ns", 1)):
        parts.append((rest // size, unit))
        rest %= size
    sign = "-" if min(value.months, value.days, value.nanoseconds) < 0 else ""
    return sign + "".join(f"{count}{unit}" for count, unit in parts if count)


def _same_float(value: float) -> Any:
    return "NaN" if value != value else value + 0.0


def _durations() -> st.SearchStrategy[Duration]:
    positive = st.builds(Duration, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
    return positive | positive.map(lambda d: Duration(-d.months, -d.days, -d.nanoseconds))


def _addresses() -> st.SearchStrategy[str]:
    mapped = st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}")
    return st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str) | mapped


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
_INTEGERS = {
    "tinyint": (8, cqltypes.ByteType), "smallint": (16, cqltypes.ShortType), "int": (32, cqltypes.Int32Type),
    "bigint": (64, cqltypes.LongType),
}  # fmt: skip
_DECIMALS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(-(10**20), 10**20), st.integers(-30, 30)
)
FIRST_MS, LAST_MS = -210_866_803_200_000, 9_224_318_015_999_999
"""Timestamps that PostgreSQL can hold."""
FIRST_DAY, LAST_DAY = -2_440_588, 2_145_031_948
"""Dates that PostgreSQL can hold."""


def _scalar(cql: str, driver: Any, values: st.SearchStrategy[Any], **more: Any) -> Sample:
    text = more.pop("text", str)
    return Sample(cql, driver, values, **{"same": lambda value: value, "json": _json_text(text), "text": text} | more)


def _moments(first: int, last: int, usual: int) -> st.SearchStrategy[int]:
    return st.integers(0, usual) | st.integers(first, last)


SCALARS: dict[str, Sample] = {
    sample.cql: sample
    for sample in [
        _scalar("text", cqltypes.UTF8Type, TEXT),
        _scalar("ascii", cqltypes.AsciiType, st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=30)),
        _scalar("uuid", cqltypes.UUIDType, st.uuids()),
        _scalar("timeuuid", cqltypes.TimeUUIDType, st.uuids().map(lambda u: UUID(int=u.int, version=1))),
        *(
            _scalar(name, driver, st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), json=str)
            for name, (bits, driver) in _INTEGERS.items()
        ),
        _scalar("varint", cqltypes.IntegerType, st.integers() | st.integers(-(10**60), 10**60)),
        _scalar("decimal", cqltypes.DecimalType, _DECIMALS, same=lambda value: value + 0),
        _scalar("float", cqltypes.FloatType, st.floats(width=32),
                same=_same_float, text=_float_text, json=_json_number(_float_text)),
        _scalar("double", cqltypes.DoubleType, st.floats(),
                same=_same_float, text=_double_text, json=_json_number(_double_text)),
        _scalar("boolean", cqltypes.BooleanType, st.booleans(), text=lambda value: str(value).lower(), json=json.dumps),
        _scalar("timestamp", cqltypes.DateType, _moments(FIRST_MS, LAST_MS, 2**41),
                text=_postgres_timestamp, json=_json_text(java_instant)),
        _scalar("date", cqltypes.SimpleDateType, _moments(FIRST_DAY, LAST_DAY, 30_000),
                text=postgres_date, json=_json_text(java_date), to_driver=lambda days: days + 2**31),
        _scalar("time", cqltypes.TimeType, st.integers(0, 86_399_999_999_999), json=str),
        _scalar("duration", cqltypes.DurationType, _durations(), text=_duration_text,
                same=lambda value: (value.months, value.days, value.nanoseconds)),
        _scalar("inet", cqltypes.InetAddressType, _addresses(),
                same=java_address, text=_java_address_text),
        _scalar("blob", cqltypes.BytesType, st.binary(max_size=40), text=lambda value: "\\x" + value.hex(),
                json=lambda value: f'"0x{value.hex()}"'),
    ]
}  # fmt: skip
ELEMENTS = SCALARS


class _Pairs:
    """A map as the driver takes it, with keys that need not be hashable."""

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[Any, Any]]:
        return self._pairs

    def __len__(self) -> int:
        return len(self._pairs)


def _multiset(sample: Sample, values: Sequence[Any]) -> Any:
    return frozenset(Counter(sample.same(value) for value in values).items())


def _frozen(sample: Sample) -> str:
    return f"frozen<{sample.cql}>" if sample.text is None else sample.cql


def list_of(element: Sample) -> Sample:
    return Sample(
        f"list<{_frozen(element)}>",
        cqltypes.ListType.apply_parameters((element.driver,)),
        st.lists(element.values, max_size=4),
        same=lambda items: tuple(map(element.same, items)),
        json=lambda items: f"[{','.join(map(element.json, items))}]",
        to_driver=lambda items: list(map(element.to_driver, items)),
        user_types=element.user_types,
    )


def set_of(element: Sample) -> Sample:
    return Sample(
        f"set<{_frozen(element)}>",
        cqltypes.ListType.apply_parameters((element.driver,)),
        st.lists(element.values, max_size=4, unique_by=element.same),
        same=lambda items: _multiset(element, items),
        json=lambda items: f"[{','.join(map(element.json, items))}]",
        to_driver=lambda items: list(map(element.to_driver, items)),
        user_types=element.user_types,
    )


def map_of(key: Sample, item: Sample) -> Sample:
    def key_json(value: Any) -> str:
        text = key.json(value)
        return text if text.startswith('"') else json.dumps(text)

    return Sample(
        f"map<{_frozen(key)}, {_frozen(item)}>",
        cqltypes.MapType.apply_parameters((key.driver, item.driver)),
        st.lists(st.tuples(key.values, item.values), max_size=4, unique_by=lambda pair: key_json(pair[0])),
        same=lambda pairs: frozenset(Counter((key.same(k), item.same(v)) for k, v in pairs).items()),
        json=lambda pairs: "{" + ",".join(f"{key_json(k)}:{item.json(v)}" for k, v in pairs) + "}",
        to_driver=lambda pairs: _Pairs([(key.to_driver(k), item.to_driver(v)) for k, v in pairs]),
        user_types=dict(key.user_types) | dict(item.user_types),
    )


def _optional(sample: Sample) -> st.SearchStrategy[Any]:
    return st.none() | sample.values


def _fields_json(names: Sequence[str], parts: Sequence[Sample], values: Sequence[Any]) -> str:
    texts = ("null" if value is None else part.json(value) for part, value in zip(parts, values, strict=True))
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in zip(names, texts, strict=True)) + "}"


def _fields_same(parts: Sequence[Sample], values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(None if value is None else part.same(value) for part, value in zip(parts, values, strict=True))


def _fields_to_driver(parts: Sequence[Sample], values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(None if value is None else part.to_driver(value) for part, value in zip(parts, values, strict=True))


def tuple_of(*parts: Sample) -> Sample:
    names = [f"field_{index}" for index in range(len(parts))]
    return Sample(
        f"tuple<{', '.join(map(_frozen, parts))}>",
        cqltypes.TupleType.apply_parameters([part.driver for part in parts]),
        st.tuples(*map(_optional, parts)),
        same=lambda values: _fields_same(parts, values),
        json=lambda values: _fields_json(names, parts, values),
        to_driver=lambda values: _fields_to_driver(parts, values),
        user_types={name: fields for part in parts for name, fields in dict(part.user_types).items()},
    )


def user_type_of(name: str, *parts: Sample) -> Sample:
    names = [f"f{index}" for index in range(len(parts))]
    inner = {other: fields for part in parts for other, fields in dict(part.user_types).items()}
    own = {name: [(field, _frozen(part)) for field, part in zip(names, parts, strict=True)]}
    return Sample(
        name,
        cqltypes.UserType.make_udt_class("ks", name, names, [part.driver for part in parts]),
        # A type without any value is NULL to the connector; tests of that are written out.
        st.tuples(*map(_optional, parts)).filter(lambda values: any(value is not None for value in values)),
        same=lambda values: _fields_same(parts, values),
        json=lambda values: _fields_json(names, parts, values),
        to_driver=lambda values: _fields_to_driver(parts, values),
        user_types=inner | own,
    )


def samples(depth: int = 2) -> st.SearchStrategy[Sample]:
    """Any CQL type up to a depth of nesting."""
    scalar = st.sampled_from(list(SCALARS.values()))
    if depth == 0:
        return scalar
    inner = samples(depth - 1)
    # A type of a name has one definition: the name holds it.
    user_type = st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: user_type_of(f"u_{crc32(repr([part.cql for part in parts]).encode()):x}", *parts)
    )
    return st.one_of(
        scalar,
        inner.map(list_of),
        inner.map(set_of),
        st.builds(map_of, inner, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: tuple_of(*parts)),
        user_type,
    )
