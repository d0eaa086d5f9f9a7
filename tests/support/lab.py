"""Tables beside the testbed's own, as the configuration of the tests' stack holds them."""

from __future__ import annotations

from typing import Any

FACTS: dict[str, Any] = {
    "source": "lab.facts",
    "target": "public.facts",
    "partitionKey": ["bucket"],
    "clusteringKey": ["seq"],
    "columns": {
        "bucket": "int",
        "seq": "int",
        "label": "text",
        "code": "ascii",
        "flag": "boolean",
        "tiny": "tinyint",
        "small": "smallint",
        "number": "int",
        "big": "bigint",
        "ratio": "float",
        "score": "double",
        "amount": "decimal",
        "huge": "varint",
        "at": "timestamp",
        "day": "date",
        "clock": "time",
        "span": "duration",
        "address": "inet",
        "payload": "blob",
        "ident": "uuid",
        "event": "timeuuid",
        "tags": "set<text>",
        "attributes": "map<text, text>",
        "numbers": "list<int>",
    },
}
"""Wide partitions, and a column of each type that needs no other statement first."""

REFUSED: dict[str, Any] = {
    "source": "lab.refused",
    "target": "public.refused",
    "partitionKey": ["id"],
    "columns": {
        "id": "int",
        "version": "int",
        "number": "int",
        "code": "text",
        "ticket": "int",
        "grp": "int",
        "label": "text",
        "short": "text",
        "amount": "decimal",
        "at": "timestamp",
        "attributes": "map<text, text>",
        "mood": "text",
    },
}
"""PostgreSQL refuses some of its rows."""

EVOLVING: dict[str, Any] = {
    "source": "lab.evolving",
    "target": "public.evolving",
    "partitionKey": ["id"],
    "columns": {"id": "int", "version": "int"},
}
"""It gains, loses and changes columns."""

KINDS: dict[str, Any] = {
    "source": "lab.kinds",
    "target": "public.kinds",
    "partitionKey": ["id"],
    "columns": {"id": "text"},
}
"""It gains a column of every type."""

TABLES = [FACTS, REFUSED, EVOLVING, KINDS]
