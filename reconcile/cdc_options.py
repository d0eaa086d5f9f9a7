"""The table option `cdc` of ScyllaDB."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

DEFAULT_CDC_TTL_SECONDS: Final = 86_400
"""ScyllaDB's own default: how long a change stays in the log, and so how long the connector may be down."""


@dataclass(frozen=True)
class CdcOptions:
    """The table option `cdc`."""

    enabled: bool = False
    postimage: bool = False
    preimage: str = "false"
    """`false`, `true` (changed columns) or `full`."""
    delta: str = "full"
    """`full` or `keys`."""
    ttl_seconds: int = DEFAULT_CDC_TTL_SECONDS
    """How long a change stays in the log; 0 = for ever."""

    def to_cql(self) -> str:
        """The option's value in CREATE TABLE and ALTER TABLE."""
        preimage = "'full'" if self.preimage == "full" else self.preimage
        return (
            f"{{'enabled': {_cql_bool(self.enabled)}, 'postimage': {_cql_bool(self.postimage)}, "
            f"'preimage': {preimage}, 'delta': '{self.delta}', 'ttl': {int(self.ttl_seconds)}}}"
        )


def decode_cdc_options(blob: bytes) -> CdcOptions:
    """Decode `system_schema.tables.extensions['cdc']`.

    The blob is a map of texts: a little-endian int32 count, then for each key and value a little-endian int32
    length in bytes and the text in UTF-8. Raises ValueError when it is cut short or malformed.
    """
    position = 0

    def take(length: int) -> bytes:
        nonlocal position
        if length < 0 or position + length > len(blob):
            raise ValueError("the table extension 'cdc' is not a map of texts")
        position += length
        return blob[position - length : position]

    def number() -> int:
        return int(struct.unpack("<i", take(4))[0])

    options = {}
    for _ in range(number()):
        key = take(number()).decode()
        options[key] = take(number()).decode()
    return CdcOptions(
        enabled=options.get("enabled") == "true",
        postimage=options.get("postimage") == "true",
        preimage=options.get("preimage", "false"),
        delta=options.get("delta", "full"),
        ttl_seconds=int(options.get("ttl", DEFAULT_CDC_TTL_SECONDS)),
    )


def _cql_bool(value: bool) -> str:
    return "true" if value else "false"
