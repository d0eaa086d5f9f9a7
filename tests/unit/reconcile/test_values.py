"""The cases in which two databases write one value in different ways, or cannot hold it."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra.cqltypes import DecimalType, IntegerType

from reconcile.types import UnsupportedTypeError
from reconcile.values import Comparison, Rule, rule_for
from reconcile.values_parameter import UnrepresentableError
from reconcile.values_types import Unreadable, resolve

ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
TENTH_AS_FLOAT = 0.10000000149011612
US_2000 = 946_684_800_000_000
TWO_DIMENSIONS = struct.pack(">iiiiiiii", 2, 0, 25, 1, 1, 1, 1, 1) + b"a"
NO_TYPES: Mapping[str, Sequence[tuple[str, str]]] = {}


def rule(cql: str, pg: str, types: Mapping[str, Sequence[tuple[str, str]]] = NO_TYPES) -> Rule:
    found = rule_for("c", resolve(cql, "c", types.get), pg)
    assert found, f"no rule for {cql} = {pg}"
    return found


def equal(cql: str, pg: str, source: Any, target: Any, types: Mapping[str, Any] = NO_TYPES) -> bool:
    column = rule(cql, pg, types)
    return bool(column.canonical_source(source) == column.canonical_target(target))


def long(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def decimal(text: str) -> bytes:
    return bytes(DecimalType.serialize(Decimal(text), 4))


def collection(*items: bytes | None) -> bytes:
    cells = (b"\xff\xff\xff\xff" if item is None else len(item).to_bytes(4, "big") + item for item in items)
    return len(items).to_bytes(4, "big") + b"".join(cells)


def fields(*items: bytes | None) -> bytes:
    return collection(*items)[4:]


def array(oid: int, *items: bytes | None) -> bytes:
    if not items:
        return struct.pack(">iii", 0, 0, oid)
    return struct.pack(">iii", 1, 0, oid) + struct.pack(">ii", len(items), 1) + collection(*items)[4:]


@pytest.mark.parametrize(
    ("cql", "pg", "source", "target"),
    [
        ("text", "text", "é".encode(), "é".encode()),
        ("text", "character varying(10)", b"a", b"a"),
        ("uuid", "text", ID.bytes, str(ID).upper().encode()),
        ("uuid", "character varying(38)", ID.bytes, f"{{{ID}}}".encode()),
        ("tinyint", "smallint", b"\x80", b"\xff\x80"),
        ("int", "bigint", b"\xff\xff\xff\xff", long(-1)),
        ("int", "text", b"\0\0\0\x05", b"5"),
        ("varint", "text", bytes(IntegerType.serialize(10**40, 4)), b"1" + b"0" * 40),
        ("decimal", "text", decimal("1000"), b"1E+3"),
        ("decimal", "text", decimal("1.0"), b"1.00"),
        ("float", "double precision", struct.pack(">f", 0.1), struct.pack(">d", TENTH_AS_FLOAT)),
        ("float", "real", b"\x7f\xc0\x00\x00", b"\x7f\xc0\x00\x01"),  # two NaN
        ("double", "double precision", struct.pack(">d", -0.0), struct.pack(">d", 0.0)),
        ("boolean", "smallint", b"\1", b"\0\1"),
        ("timestamp", "timestamp without time zone", 0, -US_2000),
        ("timestamp", "timestamp with time zone", -62_135_596_800_001, -62_135_596_800_001_000 - US_2000),
        ("date", "date", (2**31).to_bytes(4, "big"), struct.pack(">i", -10_957)),
        ("date", "date", (2**31 - 719_529).to_bytes(4, "big"), struct.pack(">i", -719_529 - 10_957)),  # 1 BC
        ("time", "time without time zone", long(1_000), long(1)),
        ("duration", "text", b"\x00\x02\x00", b"1d"),
        ("duration", "text", b"\x00\x0e\x00", b"1w"),
        ("inet", "text", bytes(15) + b"\1", b"0:0:0:0:0:0:0:1"),
        ("inet", "text", bytes(10) + b"\xff\xff\x0a\x00\x00\x01", b"10.0.0.1"),
        ("inet", "inet", b"\x0a\x00\x00\x01", b"\x02\x20\x00\x04\x0a\x00\x00\x01"),
        ("blob", "bytea", b"", b""),
        ("list<int>", "integer[]", collection(b"\0\0\0\1"), array(23, b"\0\0\0\1")),
        ("set<text>", "text[]", collection(b"a", b"b"), array(25, b"b", b"a")),
        ("set<text>", "jsonb", collection(b"a", b"b"), b'\1["b","a"]'),
        ("list<timestamp>", "timestamp with time zone[]", collection(long(1)), array(1184, long(1000 - US_2000))),
        ("map<text, bigint>", "jsonb", collection(b"a", long(2**60 + 1)), b'\1{"a":1152921504606846977}'),
        ("map<text, int>", "jsonb", collection(b"a", b"\0\0\0\1"), b'\1[{"key":"a","value":1}]'),
        ("map<int, int>", "text", collection(b"\0\0\0\2", b"\0\0\0\1"), b'{"2":1}'),
        ("tuple<int, text>", "jsonb", fields(b"\0\0\0\1"), b'\1{"field_0":1,"field_1":null}'),
        ("tuple<int, text>", "json", fields(b"\0\0\0\1", b"x"), b'[1,"x"]'),
        ("list<float>", "jsonb", collection(struct.pack(">f", 0.1)), b"\1[0.1]"),
        ("list<double>", "jsonb", collection(struct.pack(">d", float("nan"))), b'\1["NaN"]'),
        ("list<decimal>", "jsonb", collection(decimal("1E+3")), b'\1["1000"]'),
    ],
)  # fmt: skip
def test_forms_of_one_value_are_equal(cql: str, pg: str, source: Any, target: Any) -> None:
    # A map's bytes are counted in pairs.
    source = (1).to_bytes(4, "big") + source[4:] if cql.startswith("map") else source
    assert equal(cql, pg, source, target)


@pytest.mark.parametrize(
    ("cql", "pg", "source", "target"),
    [
        ("text", "text", "é".encode(), b"e\xcc\x81"),  # the same letter, composed of two
        ("text", "text", b"a", b"a "),
        ("text", "character(3)", b"a", b"a  "),
        ("text", "text", b"", None),
        ("blob", "bytea", b"", None),
        ("int", "integer", b"\0\0\0\0", None),
        ("decimal", "numeric(10,2)", decimal("1.005"), None),
        ("float", "real", struct.pack(">f", 1.0), struct.pack(">f", 1.0000001)),
        ("boolean", "integer", b"\1", b"\0\0\0\2"),
        ("timestamp", "timestamp with time zone", 0, -US_2000 + 1),  # a microsecond, which ScyllaDB cannot hold
        ("timestamp", "timestamp with time zone", 0, 2**63 - 1),  # infinity
        ("date", "date", (2**31).to_bytes(4, "big"), struct.pack(">i", 2**31 - 1)),
        ("duration", "text", b"\x00\x02\x00", b"24h"),
        ("inet", "inet", b"\x0a\x00\x00\x01", b"\x02\x18\x00\x04\x0a\x00\x00\x01"),  # a network
        ("list<int>", "integer[]", collection(b"\0\0\0\1"), array(23, b"\0\0\0\1", b"\0\0\0\1")),
        ("list<text>", "text[]", collection(b"a", b"b"), array(25, b"b", b"a")),
        ("set<text>", "text[]", collection(b"a"), array(25, b"a", b"a")),
        ("list<text>", "text[]", collection(b"a"), TWO_DIMENSIONS),
        ("tuple<int, text>", "jsonb", fields(None, None), None),
        ("map<text, int>", "jsonb", None, b"\1[]1"),
        ("map<text, int>", "jsonb", None, b'\1{"a":null}'),
        ("int", "text", b"\0\0\0\5", b"five"),
        ("uuid", "text", ID.bytes, b"nobody"),
        ("list<int>", "jsonb", collection(b"\0\0\0\1"), b"\1[true]"),
        ("list<text>", "jsonb", collection(b"1"), b"\1[1]"),
        ("list<boolean>", "jsonb", collection(b"\1"), b"\1[1]"),
        ("varint", "numeric", b"\1", None),
    ],
)  # fmt: skip
def test_different_values_are_unequal(cql: str, pg: str, source: Any, target: Any) -> None:
    assert not equal(cql, pg, source, target)


def test_a_huge_exponent_is_compared_without_being_written_out() -> None:
    assert equal("decimal", "text", decimal("1E+1000000000"), b"10E+999999999")
    assert not equal("decimal", "text", decimal("1E+1000000000"), b"1E+999999999")


def test_a_number_of_many_digits_is_compared_in_full() -> None:
    digits = "9" * 5_000
    value = bytes(IntegerType.serialize(10**5_000 - 1, 4))
    assert equal("varint", "text", value, digits.encode())
    assert not equal("varint", "text", value, b"8" + digits[1:].encode())


@pytest.mark.parametrize(
    "cql", ["int", "bigint", "uuid", "timestamp", "boolean", "decimal", "date", "inet", "duration"]
)
def test_an_empty_value_of_a_type_that_has_none_is_null(cql: str) -> None:
    assert rule(cql, "text" if cql == "duration" else _own(cql)).canonical_source(b"") is None


def _own(cql: str) -> str:
    from reconcile.types import postgres_column

    return postgres_column(cql).type.replace("timestamptz", "timestamp with time zone")


@pytest.mark.parametrize(
    ("cql", "pg", "empty"), [("list<text>", "text[]", array(25)), ("map<int, int>", "jsonb", b"\1{}")]
)
def test_an_empty_collection_is_null_unless_it_is_frozen(cql: str, pg: str, empty: bytes) -> None:
    assert equal(cql, pg, None, empty)
    assert not equal(f"frozen<{cql}>", pg, None, empty)
    assert equal(f"frozen<{cql}>", pg, b"\0\0\0\0", empty)


ADDRESS = {"address": [("street", "text"), ("number", "int"), ("since", "date")]}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (fields(b"A", b"\0\0\0\1", None), b'\1{"number":1,"street":"A","since":null}', True),
        (fields(b"A"), b'\1{"street":"A"}', True),  # written before the type got more fields
        (fields(b"A"), b'\1{"street":"A","gone":null}', True),
        (fields(b"A"), b'\1{"street":"A","gone":1}', False),
        (fields(b"A"), b'\1{"street":"B"}', False),
        (fields(None, None, None), None, True),  # the connector sends NULL
        (fields(b"A", None, (2**31).to_bytes(4, "big")), b'\1{"street":"A","since":"1970-01-01"}', True),
        (fields(b"A"), b'\1["A"]', False),
    ],
)
def test_a_user_defined_type_is_compared_by_field(source: bytes, target: bytes | None, expected: bool) -> None:
    assert equal("address", "jsonb", source, target, ADDRESS) is expected
    assert equal("frozen<address>", "json", source, target and target[1:], ADDRESS) is expected


def test_types_that_are_nested_are_compared_to_the_bottom() -> None:
    cql = "map<text, frozen<list<frozen<tuple<int, set<text>>>>>>"
    inner = fields(b"\0\0\0\1", collection(b"x", b"y"))
    source = (1).to_bytes(4, "big") + collection(b"k", collection(inner))[4:]
    assert equal(cql, "jsonb", source, b'\1{"k":[{"field_0":1,"field_1":["y","x"]}]}')
    assert not equal(cql, "jsonb", source, b'\1{"k":[{"field_0":1,"field_1":["y","z"]}]}')


@pytest.mark.parametrize(
    ("cql", "pg"),
    [("int", "uuid"), ("text", "integer"), ("decimal", "double precision"), ("timestamp", "date"), ("blob", "text"),
     ("map<int, int>", "integer[]"), ("list<text>", "integer[]"), ("uuid", "jsonb"), ("double", "real"),
     ("text", "circle")],
)  # fmt: skip
def test_a_pair_without_a_rule_has_none(cql: str, pg: str) -> None:
    assert rule_for("c", resolve(cql, "c", NO_TYPES.get), pg) is None


def test_an_unknown_user_defined_type_is_named() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"column c: ScyllaDB has no type nowhere"):
        resolve("list<frozen<nowhere>>", "c", NO_TYPES.get)


def test_a_vector_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="cannot read vectors"):
        resolve("vector<float, 3>", "c", NO_TYPES.get)


def test_a_counter_is_compared_but_never_repaired() -> None:
    assert equal("counter", "bigint", long(5), long(5))
    assert not rule("counter", "bigint").is_repairable
    assert rule("bigint", "bigint").is_repairable


@pytest.mark.parametrize(
    ("cql", "pg", "value", "reason", "lossy"),
    [
        ("text", "text", "a\0b", "NUL", False),
        ("text", "character(3)", "a", "pads", True),
        ("text", "character varying(3)", "abcd", "has 4 characters", True),
        ("list<text>", "jsonb", ("a\0b",), "NUL", False),
        ("list<text>", "text[]", ("a\0b",), "NUL", False),
        ("text", "text", "a\udcff", "not UTF-8", False),
        ("bigint", "integer", 2**31, "out of the range of integer", False),
        ("decimal", "numeric(5,2)", Decimal("1.005"), "rounds", True),
        ("decimal", "numeric(5,2)", Decimal("1234"), "does not fit", False),
        ("decimal", "numeric", Decimal("1E+200000"), "more digits", False),
        ("decimal", "numeric", Decimal("1E-20000"), "more digits", False),
        ("timestamp", "timestamp with time zone", 2**62 * 1000, "out of PostgreSQL's range", False),
        ("timestamp", "timestamp(0) with time zone", 1_000, "rounds", True),
        ("date", "date", -(2**31), "out of PostgreSQL's range", False),
        ("time", "time without time zone", 1, "no nanoseconds", True),
        ("text", "text", Unreadable("x"), "unreadable", False),
    ],
)
def test_what_postgresql_cannot_hold_is_refused(cql: str, pg: str, value: Any, reason: str, lossy: bool) -> None:
    with pytest.raises(UnrepresentableError, match=reason) as caught:
        rule(cql, pg).to_parameter(value)
    assert caught.value.lossy is lossy
    assert "abcd" not in str(caught.value), "the message holds the value"


@pytest.mark.parametrize(
    ("cql", "pg", "value", "text"),
    [
        ("decimal", "numeric(5,2)", Decimal("1.50"), "1.50"),
        ("decimal", "text", Decimal("1E+3"), "1E+3"),
        ("timestamp", "timestamp with time zone", -1_000, "1969-12-31 23:59:59.999000+00"),
        ("timestamp", "timestamp without time zone", 0, "1970-01-01 00:00:00.000000"),
        ("timestamp", "timestamp with time zone", -62_167_219_200_000_000, "0001-01-01 00:00:00.000000+00 BC"),
        ("date", "date", -719_528, "0001-01-01 BC"),
        ("blob", "bytea", b"\0\xff", r"\x00ff"),
        ("set<text>", "text[]", frozenset({('a"\\', 1)}), r'{"a\"\\"}'),
        ("list<text>", "text[]", ("NULL", None), '{"NULL",NULL}'),
        ("map<text, int>", "jsonb", frozenset({(("é", 1), 1)}), '{"é":1}'),
        ("list<text>", "jsonb", ("\\u0000",), '["\\\\u0000"]'),
        ("inet", "text", None, None),
        ("float", "real", "NaN", "NaN"),
        ("double", "double precision", float("-inf"), "-Infinity"),
        ("boolean", "boolean", True, "true"),
        ("duration", "text", (14, 3, 3_600_000_000_001), "1y2mo3d1h1ns"),
        ("duration", "text", (0, -1, 0), "-1d"),
        ("time", "time without time zone", 3_661_000_001_000, "01:01:01.000001"),
    ],
)
def test_a_value_is_written_as_postgresql_reads_it(cql: str, pg: str, value: Any, text: str | None) -> None:
    assert rule(cql, pg).to_parameter(value) == text


@pytest.mark.parametrize(
    ("cql", "pg", "expected"),
    [
        ("uuid", "uuid", Comparison.BYTES),
        ("uuid", "text", Comparison.RULE),
        ("int", "integer", Comparison.BYTES),
        ("int", "bigint", Comparison.RULE),
        ("time", "bigint", Comparison.BYTES),
        ("timestamp", "timestamp with time zone", Comparison.NUMBERS),
        ("decimal", "numeric", Comparison.RULE),
        ("list<text>", "text[]", Comparison.RULE),
    ],
)
def test_only_types_of_the_same_bytes_are_compared_as_bytes(cql: str, pg: str, expected: Comparison) -> None:
    assert rule(cql, pg).comparison is expected


@pytest.mark.parametrize(("cql", "pg"), [("float", "real"), ("double", "double precision"), ("boolean", "boolean")])
def test_a_key_of_a_type_with_several_forms_is_compared_by_rule(cql: str, pg: str) -> None:
    assert rule(cql, pg).comparison is Comparison.BYTES
    assert rule(cql, pg).key_comparison is Comparison.RULE


def test_a_shown_value_is_the_same_in_every_process() -> None:
    column = rule("map<text, frozen<set<int>>>", "jsonb")
    canonical = column.canonical_target(b'\1{"b":[2,1],"a":[3]}')
    assert column.show(canonical) == '{"a":[3],"b":[1,2]}'
    assert column.show(None) is None
    unreadable = column.show(column.canonical_target(b"\1[7]"))
    assert unreadable is not None
    assert unreadable.startswith("unreadable")


@pytest.mark.parametrize(("cql", "form"), [("map<float, bigint>", ">f"), ("map<double, bigint>", ">d")])
def test_a_map_may_have_zero_and_minus_zero_as_keys(cql: str, form: str) -> None:
    keys = [struct.pack(form, key) for key in (-0.0, 0.0)]
    both = (2).to_bytes(4, "big") + fields(keys[0], long(1), keys[1], long(1))
    one = (1).to_bytes(4, "big") + fields(keys[1], long(1))

    column = rule(cql, "jsonb")
    written = column.to_parameter(column.canonical_source(both))

    assert written == '{"-0.0":1,"0.0":1}'
    for read in (written, '[{"key":-0.0,"value":1},{"key":0.0,"value":1}]'):
        assert equal(cql, "jsonb", both, b"\1" + read.encode())
        assert not equal(cql, "jsonb", one, b"\1" + read.encode())
