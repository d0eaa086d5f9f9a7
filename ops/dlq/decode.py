"""Decodes Avro records in the schema registry's wire format into plain data, exact over the whole range of CQL types.

Values keep the text that ScyllaDB's connector and the reconcile package use: times are ISO 8601 however far away, bytes
are 0x and hexadecimal digits.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import fastavro
import httpx

from components.http_retry import REQUEST_TIMEOUT_SECONDS, request_with_retries
from components.tls.trust import client_context, distrust
from ops.errors import OpsError
from reconcile.values_text import date_text, timestamp_text

_MAGIC: Final = 0
_HEAD: Final = struct.Struct(">BI")
_US_PER_MS: Final = 1000
_NAMED: Final = "__named_schemas"
"""Where the library keeps the schemas that others refer to by name."""
_LOGICAL: Final = "cdcLogicalType"
"""Takes the place of `logicalType`, so that the library leaves values alone: Python's dates end in the year 9999."""
_TEXTS: Final[Mapping[str, Callable[[int], str]]] = {
    "date": date_text,
    "timestamp-millis": lambda ms: timestamp_text(ms * _US_PER_MS),
}


class UndecodableError(Exception):
    """Bytes that are no record of a registered schema; the message says why."""


class Decoder:
    """Decodes with the schemas of one registry, each of which is fetched once.

    `trusted` are authorities (PEM) by which the registry is verified, besides the system's own.
    """

    def __init__(self, registry_url: str, transport: httpx.BaseTransport | None = None, *, trusted: str = "") -> None:
        self._url = registry_url.rstrip("/")
        verify = client_context(trusted)
        self._http = httpx.Client(timeout=REQUEST_TIMEOUT_SECONDS, transport=transport, verify=verify)
        self._schemas: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def decode(self, data: bytes | None) -> Any:
        """Return structs as dicts, and other values as JSON can hold them; None for no data.

        Raises:
            UndecodableError: no magic byte, an unknown schema, or bytes that are not of the schema.
            OpsError: the registry does not answer.
        """
        if data is None:
            return None
        if len(data) < _HEAD.size or data[0] != _MAGIC:
            raise UndecodableError("not in the registry's wire format")
        schema_id = _HEAD.unpack_from(data)[1]
        schema = self._schema(schema_id)
        try:
            value = fastavro.schemaless_reader(io.BytesIO(data[_HEAD.size :]), schema, None)
        except Exception as error:  # noqa: BLE001 broken bytes make the library raise anything
            raise UndecodableError(f"not a record of schema {schema_id} ({type(error).__name__})") from None
        return _plain(schema, value, schema.get(_NAMED, {}) if isinstance(schema, dict) else {})

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            try:
                answer = request_with_retries(self._http, "GET", f"{self._url}/schemas/ids/{schema_id}")
            except httpx.TransportError as error:
                reason = distrust(error) or f"does not answer ({type(error).__name__})"
                raise OpsError(
                    f"The schema registry at {self._url} {reason}.",
                    "`make status` shows whether it runs.",
                ) from None
            if answer.is_error:
                raise UndecodableError(f"the registry knows no schema {schema_id}")
            self._schemas[schema_id] = fastavro.parse_schema(_keep_logical(json.loads(answer.json()["schema"])))
        return self._schemas[schema_id]


def _keep_logical(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_keep_logical(item) for item in schema]
    if isinstance(schema, dict):
        return {_LOGICAL if key == "logicalType" else key: _keep_logical(item) for key, item in schema.items()}
    return schema


def _plain(schema: Any, value: Any, named: Mapping[str, Any]) -> Any:
    if value is None:
        return None
    if isinstance(schema, list):
        return _plain(next(branch for branch in schema if branch != "null"), value, named)
    if isinstance(schema, str):
        schema = named.get(schema, {"type": schema})
    kind = schema["type"]
    if isinstance(kind, dict | list):
        return _plain(kind, value, named)
    if kind == "record":
        return {column["name"]: _plain(column["type"], value[column["name"]], named) for column in schema["fields"]}
    if kind == "array":
        return [_plain(schema["items"], item, named) for item in value]
    if kind == "map":
        return {key: _plain(schema["values"], item, named) for key, item in value.items()}
    if isinstance(value, bytes):
        return "0x" + value.hex()
    text = _TEXTS.get(schema.get(_LOGICAL, ""))
    return text(value) if text else value
