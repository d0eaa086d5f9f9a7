"""The source connector's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from components.kafka_connect.converters import AvroConverterConfig
from components.kafka_connect.fields import (
    RETRY_DELAY_MAX_MS,
    check_addresses,
    check_at_least,
    check_choice,
    check_topic,
    secret_reference,
)
from components.kafka_connect.tables import ReplicatedTable, check_tables

_CONSISTENCY_LEVELS: Final = ("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "LOCAL_ONE")


@dataclass(frozen=True, kw_only=True)
class ScyllaSourceConfig:
    """ScyllaDB's CDC source connector in its advanced format with full post-images, failing fast.

    Kafka Connect has no dead letter queue for sources, and tolerating errors would skip changes silently.
    """

    connector_class: ClassVar[str] = "com.scylladb.cdc.debezium.connector.ScyllaConnector"

    topic_prefix: str
    """Topics are `<prefix>.<keyspace>.<table>`; also part of every schema's name."""
    contact_points: tuple[str, ...]
    """`host:port` of some nodes, as the workers reach them."""
    tables: tuple[ReplicatedTable, ...]
    converter: AvroConverterConfig
    offsets_topic: str
    """Compacted topic of this connector's own offsets. A worker that is killed leaves a transaction open, which blocks
    readers of the topic until it times out (60 s); in the workers' common topic that would hold up their restart."""
    window_size_ms: int = 1000
    """Length of the time window that one query reads. Latency lies between confidence and confidence + window."""
    confidence_window_ms: int = 5000
    """Age a window must have to be read. Must exceed the slowest write plus clock skew, or changes are lost."""
    initial_lookback_ms: int = 600_000
    """How far back to read when there are no offsets; 0: as far as the CDC log goes."""
    heartbeat_interval_ms: int = 10_000
    """Offsets of idle tables advance with heartbeats only, so this cannot be 0."""
    consistency_level: str = "LOCAL_QUORUM"
    """Of reads from the CDC log."""
    datacenter: str | None = None
    """Data centre to prefer; None: no preference."""
    tls: bool = False
    """Nodes are verified by what the workers' JVM trusts: their authority, not their names, which the connector never
    asks for."""
    tasks_max: int = 1
    """At most one per worker: a second task in the same JVM starts minutes late."""
    retry_timeout_ms: int = -1
    """How long converting a record is repeated while the registry is down before the task fails; -1: for ever."""
    traced: bool = False
    """The workers run OpenTelemetry's agent, which traces a sample of the changes."""

    def __post_init__(self) -> None:
        check_topic("topic_prefix", self.topic_prefix)
        check_topic("offsets_topic", self.offsets_topic)
        check_addresses("contact_points", self.contact_points)
        check_tables(self.tables)
        check_at_least("window_size_ms", self.window_size_ms, 1)
        check_at_least("confidence_window_ms", self.confidence_window_ms, 0)
        check_at_least("initial_lookback_ms", self.initial_lookback_ms, 0)
        check_at_least("heartbeat_interval_ms", self.heartbeat_interval_ms, 1)
        check_at_least("tasks_max", self.tasks_max, 1)
        check_at_least("retry_timeout_ms", self.retry_timeout_ms, -1)
        check_choice("consistency_level", self.consistency_level, _CONSISTENCY_LEVELS)
        if not self.converter.auto_register:
            raise ValueError("converter.auto_register is off; the source registers schemas: write auto_register=True")

    def to_config(self) -> dict[str, str]:
        """The connector's properties without name, class and tasks.max."""
        config = {
            "topic.prefix": self.topic_prefix,
            "scylla.cluster.ip.addresses": ",".join(self.contact_points),
            "scylla.table.names": ",".join(table.source for table in self.tables),
            "scylla.user": secret_reference("scylla", "username"),
            "scylla.password": secret_reference("scylla", "password"),
            "scylla.consistency.level": self.consistency_level,
            "scylla.query.time.window.size": str(self.window_size_ms),
            "scylla.confidence.window.size": str(self.confidence_window_ms),
            "scylla.initial.lookback.ms": str(self.initial_lookback_ms),
            # The older format overwrites untouched columns with NULL; before-images drop events.
            "cdc.output.format": "advanced",
            "cdc.include.after": "full",
            "cdc.include.before": "none",
            # Without it the key is null (2.0.0) or nothing arrives (2.0.3).
            "cdc.include.primary-key.placement": "kafka-key,payload-after,payload-before",
            "heartbeat.interval.ms": str(self.heartbeat_interval_ms),
            # A database that is down for longer than 20 attempts must not need a hand.
            "worker.max.retries": "-1",
            "worker.maximum.backoff": "5000",
            # The connector does not implement `required`; the worker makes records and offsets one transaction.
            "exactly.once.support": "requested",
            "transaction.boundary": "poll",
            "offsets.storage.topic": self.offsets_topic,
            "errors.tolerance": "none",
            "errors.retry.timeout": str(self.retry_timeout_ms),
            "errors.retry.delay.max.ms": str(RETRY_DELAY_MAX_MS),
            "errors.log.enable": "true",
            **self.converter.to_config(),
        }
        if self.datacenter is not None:
            config["scylla.local.dc"] = self.datacenter
        if self.tls:
            config["scylla.ssl.enabled"] = "true"
        if self.traced:
            config |= {"transforms": "trace", "transforms.trace.type": "cdc.connect.TraceRow"}
        return config
