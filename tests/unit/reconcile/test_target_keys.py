"""Keys as parameters: raw where both sides have the same bytes, as text where they have not."""

from __future__ import annotations

import struct
from decimal import Decimal
from uuid import UUID

import pytest
from cassandra.cqltypes import DecimalType

from reconcile.key_batch import source_keys
from reconcile.target_keys import BinaryArray, key_parameter, text_parameter
from tests.unit.reconcile.plans import column

ID = UUID(int=7)
US_2000 = 946_684_800_000_000


def test_keys_of_equal_bytes_are_sent_as_they_are() -> None:
    (array,) = key_parameter(source_keys([column("k", "uuid")], [(ID.bytes,), (bytes(16),)]))
    header = struct.pack(">iiIii", 1, 0, 2950, 2, 1)
    assert array == BinaryArray(2951, header + struct.pack(">i", 16) + ID.bytes + struct.pack(">i", 16) + bytes(16))


def test_texts_are_sent_with_their_lengths() -> None:
    (array,) = key_parameter(source_keys([column("k", "text")], [(b"abc",), (b"",)]))
    assert array.data.endswith(struct.pack(">i", 3) + b"abc" + struct.pack(">i", 0))


def test_timestamps_are_sent_in_postgresqls_count() -> None:
    (array,) = key_parameter(source_keys([column("k", "timestamp")], [(0,)]))
    assert array.data.endswith(struct.pack(">iq", 8, -US_2000))


@pytest.mark.parametrize(
    ("cql", "good", "bad"),
    [
        ("text", (b"abc", "abc"), b"a\0c"),
        ("int", (b"\0\0\0\5", "5"), b""),
        ("timestamp", (0, "1970-01-01 00:00:00.000000+00"), 2**62),
        ("timestamp", (0, "1970-01-01 00:00:00.000000+00"), None),
    ],
)
def test_a_key_that_postgresql_cannot_hold_is_left_out(cql: str, good: tuple[object, str], bad: object) -> None:
    keys = source_keys([column("k", cql), column("l", "int")], [(good[0], b"\0\0\0\1"), (bad, b"\0\0\0\2")])
    assert key_parameter(keys) == [[good[1]], ["1"]]


def test_keys_of_other_types_are_sent_as_text() -> None:
    cells = [(bytes(DecimalType.serialize(Decimal(text), 4)),) for text in ("1.50", "-2")]
    assert key_parameter(source_keys([column("k", "decimal")], cells)) == [["1.50", "-2"]]


def test_no_keys_are_empty_arrays() -> None:
    assert text_parameter([column("k", "int"), column("l", "int")], []) == [[], []]
