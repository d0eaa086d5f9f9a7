"""Token ranges cover the ring once, and tokens are those of the server."""

from __future__ import annotations

import pytest
from cassandra.metadata import Murmur3Token
from hypothesis import given
from hypothesis import strategies as st

from reconcile.tokens import MAX_TOKEN, MIN_TOKEN, MOST_UNITS, plan_units, split, token_of, unit_count

TOKENS = st.integers(MIN_TOKEN, MAX_TOKEN)


@given(TOKENS, TOKENS, st.integers(1, 300))
def test_a_range_is_cut_into_parts_without_gap_or_overlap(one: int, other: int, count: int) -> None:
    low, high = sorted((one, other))
    parts = split(low, high, count) if low < high else []
    assert [low, *(end for _, end in parts)] == [*(start for start, _ in parts), high] or low == high
    assert all(start < end for start, end in parts)
    assert len(parts) == min(count, high - low)


def test_units_cover_the_whole_ring_and_are_the_same_every_time() -> None:
    units = plan_units(1000, seed="a")
    bounds = sorted((unit.low, unit.high) for unit in units)
    assert bounds == split(MIN_TOKEN, MAX_TOKEN, 1000)
    assert units == plan_units(1000, seed="a")
    assert units != plan_units(1000, seed="b")
    assert [unit.number for unit in units] != sorted(unit.number for unit in units)


@pytest.mark.parametrize(
    ("table_bytes", "workers", "expected"), [(0, 2, 40), (10**10, 2, 953), (10**13, 2, MOST_UNITS), (0, 1, 20)]
)
def test_the_number_of_units_follows_the_size_of_the_table(table_bytes: int, workers: int, expected: int) -> None:
    assert unit_count(table_bytes, workers) == expected


@given(st.binary(max_size=50))
def test_a_key_of_one_column_has_the_token_of_its_bytes(cell: bytes) -> None:
    assert token_of([cell]) == Murmur3Token.hash_fn(cell)


def test_a_key_of_several_columns_has_the_token_that_the_server_computes() -> None:
    # SELECT token(a, b) of a table with PRIMARY KEY ((a, b)), a int, b text, for (1, 'x').
    packed = b"\0\x04\0\0\0\x01\0" + b"\0\x01x\0"
    assert token_of([b"\0\0\0\x01", b"x"]) == Murmur3Token.hash_fn(packed)
