"""Rows of `lab.facts`, a column of each type, as a function of their key and version."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from cassandra.util import Duration, Time, uuid_from_time

from tests.support import lab

FACTS: Final = "lab.facts"
FACTS_TARGET: Final = "public.facts"
COLUMNS: Final[tuple[str, ...]] = tuple(lab.FACTS["columns"])
KEYS: Final = ("bucket", "seq")
VALUES: Final = tuple(name for name in COLUMNS if name not in KEYS)
BUCKET_ROWS: Final = 2_000
"""Rows of one partition."""

INSERT_FACT: Final = f"INSERT INTO {FACTS} ({', '.join(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"
UPDATE_FACT: Final = f"UPDATE {FACTS} SET amount = ?, label = ?, tags = ? WHERE bucket = ? AND seq = ?"
DELETE_FACT: Final = f"DELETE FROM {FACTS} WHERE bucket = ? AND seq = ?"

_EPOCH: Final = datetime(2024, 1, 1, tzinfo=UTC)


def key_of(number: int) -> tuple[int, int]:
    """The key of the row with a number: partitions are filled one after the other."""
    return divmod(number, BUCKET_ROWS)


def fact(bucket: int, seq: int, version: int = 0) -> dict[str, Any]:
    """The row of a key, different in every value column for each of the first hundred versions."""
    number = bucket * BUCKET_ROWS + seq
    mixed = number * 100 + version
    moment = _EPOCH + timedelta(seconds=number % 10_000_000, milliseconds=version)
    return {
        "bucket": bucket,
        "seq": seq,
        "label": f"fact {number} in version {version}, näive ☃",
        "code": f"F{mixed}",
        "flag": version % 2 == 0,
        "tiny": mixed % 127,
        "small": mixed % 32_000,
        "number": mixed % 2_000_000_000,
        "big": mixed * 1_000_003,
        "ratio": (mixed % 1_000_000) / 4,
        "score": mixed / 7,
        "amount": Decimal(mixed) / 100,
        "huge": mixed * 10**20,
        "at": moment,
        "day": date(2000, 1, 1) + timedelta(days=(number + version) % 9_000),
        "clock": Time((mixed * 1_001) % (24 * 3600 * 10**9)),
        "span": Duration(mixed % 100, mixed % 31, mixed),
        "address": f"10.{number % 250}.{number // 250 % 250}.{version % 250}",
        "payload": mixed.to_bytes(8),
        "ident": uuid.uuid5(uuid.NAMESPACE_OID, str(mixed)),
        "event": uuid_from_time(moment, node=number, clock_seq=128),
        "tags": {f"group {number % 5}", f"version {version}"},
        "attributes": {"number": str(number), "version": str(version)},
        "numbers": [number, version, 7],
    }


def values(row: dict[str, Any]) -> tuple[Any, ...]:
    """A row as the parameters of `INSERT_FACT`."""
    return tuple(row[name] for name in COLUMNS)
