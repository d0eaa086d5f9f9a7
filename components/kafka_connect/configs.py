"""Typed configurations of the source and sink connectors.

Every default was measured or read in source; the decisions are in docs/adr. `to_config()` holds neither the name, the
class nor tasks.max: those are fields of the Connector resource. Secrets appear as references to files only.
"""

from __future__ import annotations

from typing import Protocol

from components.kafka_connect.converters import AvroConverterConfig
from components.kafka_connect.sinks import ConfluentJdbcSinkConfig, DebeziumJdbcSinkConfig, JdbcTarget
from components.kafka_connect.source import ScyllaSourceConfig
from components.kafka_connect.tables import ReplicatedTable

__all__ = [
    "AvroConverterConfig",
    "ConfluentJdbcSinkConfig",
    "ConnectorConfig",
    "DebeziumJdbcSinkConfig",
    "JdbcTarget",
    "ReplicatedTable",
    "ScyllaSourceConfig",
]


class ConnectorConfig(Protocol):
    """What a Connector resource needs to know of a typed configuration."""

    @property
    def connector_class(self) -> str:
        """Full name of the Java class."""
        ...

    @property
    def tasks_max(self) -> int:
        """Upper bound of parallel tasks."""
        ...

    def to_config(self) -> dict[str, str]:
        """The connector's properties without name, class and tasks.max."""
        ...
