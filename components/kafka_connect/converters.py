"""How connectors turn records into Avro bytes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

RETRYING_CONVERTER: Final = "cdc.connect.RetryingConverter"
"""Ours: an unreachable registry is retried (errors.retry.timeout) instead of sending good records to the DLQ."""
AVRO_CONVERTER: Final = "io.confluent.connect.avro.AvroConverter"


@dataclass(frozen=True)
class AvroConverterConfig:
    """Avro with schemas in a registry, for keys and values alike."""

    registry_url: str
    """URL of the registry's Confluent REST API, as the workers reach it."""
    auto_register: bool
    """Whether new schemas are registered: True on the source, False on the sink, which only reads."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.registry_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError(
                "registry_url is not a URL; write for example http://schema-registry:8081, without credentials"
            )

    def to_config(self) -> dict[str, str]:
        """Connect properties of the key and the value converter."""
        properties = {
            "": RETRYING_CONVERTER,
            ".delegate": AVRO_CONVERTER,
            ".schema.registry.url": self.registry_url,
            ".auto.register.schemas": str(self.auto_register).lower(),
        }
        return {f"{side}.converter{name}": value for side in ("key", "value") for name, value in properties.items()}
