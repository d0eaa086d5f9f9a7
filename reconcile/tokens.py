"""Tokens of ScyllaDB's Murmur3 partitioner: of keys, and ranges of them as units of work."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cassandra.metadata import murmur3

from reconcile.model import Unit, UnitKind

MIN_TOKEN: Final = -(2**63)
"""No partition has this token: the partitioner gives MAX_TOKEN in its place."""
MAX_TOKEN: Final = 2**63 - 1
TOKENS: Final = 2**64
UNIT_BYTES: Final = 10 * 1024 * 1024
"""Aim for a unit's size: small enough to be redone after a crash, large enough for its round trips not to show."""
UNITS_PER_WORKER: Final = 20
MOST_UNITS: Final = 20_000


def token_of(partition_key: Sequence[bytes]) -> int:
    """Return the token of a partition key, given as the bytes of its columns."""
    if len(partition_key) == 1:
        packed = partition_key[0]
    else:
        packed = b"".join(len(part).to_bytes(2, "big") + part + b"\0" for part in partition_key)
    token: int = murmur3(packed)
    return MAX_TOKEN if token == MIN_TOKEN else token


def split(low: int, high: int, count: int) -> list[tuple[int, int]]:
    """Cut the range (low, high] into `count` ranges of nearly one size, or into single tokens."""
    count = max(1, min(count, high - low))
    bounds = [low + (high - low) * part // count for part in range(count + 1)]
    return list(pairwise(bounds))


def unit_count(table_bytes: int, workers: int) -> int:
    """Return how many units a table is cut into."""
    return min(MOST_UNITS, max(UNITS_PER_WORKER * workers, table_bytes // UNIT_BYTES))


def plan_units(count: int, *, low: int = MIN_TOKEN, high: int = MAX_TOKEN, seed: str = "") -> list[Unit]:
    """Return the units of the range (low, high], shuffled so that parallel work spreads over nodes and shards.

    The ranges do not follow vnodes or tablets, so that a run can be resumed after the ring changed. The same
    arguments give the same units in the same order.
    """
    units = [Unit(number, UnitKind.TOKENS, *bounds) for number, bounds in enumerate(split(low, high, count))]
    random.Random(seed).shuffle(units)  # noqa: S311 spreads load, guards nothing
    return units
