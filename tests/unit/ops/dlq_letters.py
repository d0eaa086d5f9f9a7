"""Made-up records of the dead letter queue."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import fastavro
import httpx

from components.registry_client import RegistryClient
from ops.dlq.decode import Decoder
from ops.dlq.letters import Letter, State, letter

KEY = {"type": "record", "name": "cdc.shop.users.Key", "fields": [{"name": "id", "type": ["null", "string"]}]}
ENVELOPE = {
    "type": "record",
    "name": "cdc.shop.users.Envelope",
    "fields": [
        {
            "name": "after",
            "type": [
                "null",
                {"type": "record", "name": "Row", "fields": [{"name": "age", "type": ["null", "int"]}]},
            ],
        },
        {"name": "before", "type": ["null", "Row"]},
        {"name": "op", "type": ["null", "string"]},
    ],
}
SCHEMAS: dict[int, Any] = {1: KEY, 2: ENVELOPE}
MS = 1_700_000_000_000


def avro(schema_id: int, value: Any, schemas: dict[int, Any] | None = None) -> bytes:
    """The registry's wire format."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema((schemas or SCHEMAS)[schema_id]), value)
    return struct.pack(">BI", 0, schema_id) + out.getvalue()


def decoder(schemas: dict[int, Any] | None = None) -> Decoder:
    """A decoder whose registry has the schemas of this module."""

    def registry(request: httpx.Request) -> httpx.Response:
        schema = (schemas or SCHEMAS).get(int(request.url.path.rpartition("/")[2]))
        return httpx.Response(200, json={"schema": json.dumps(schema)}) if schema else httpx.Response(404)

    return Decoder(RegistryClient("http://registry:8081", httpx.MockTransport(registry)))


def dead(
    offset: int = 0,
    *,
    key: str | None = "a",
    op: str = "u",
    topic: str = "cdc.shop.users",
    stage: str = "TASK_PUT",
    error_class: str = "cdc.connect.RefusedRecordException",
    message: str = "The database refuses record cdc.shop.users-0@7: SQLSTATE 23514 table public.users constraint c",
    seconds: int = 0,
    raw_key: bytes | None = None,
) -> Letter:
    """A record that PostgreSQL refused, unless told otherwise."""
    headers = {
        "topic": topic,
        "partition": "0",
        "offset": "7",
        "stage": stage,
        "exception.class.name": error_class,
        "exception.message": message,
        "exception.stacktrace": f"{error_class}: {message}\n\tat cdc.connect.X",
    }
    return letter(
        0,
        offset,
        MS + seconds * 1000,
        [(f"__connect.errors.{name}", value.encode()) for name, value in headers.items()] + [("traceparent", b"x")],
        raw_key if raw_key is not None else avro(1, {"id": key}),
        avro(2, {"after": {"age": 7}, "before": None, "op": op}),
    )


@dataclass
class FakeQueue:
    """The queue in memory."""

    now: list[Letter]
    noted: list[tuple[str, State]] = field(default_factory=list)

    def letters(self) -> list[Letter]:
        return self.now

    def note(self, letters: Sequence[Letter], state: State) -> None:
        self.noted += [(each.id, state) for each in letters]
