"""Which properties a connector class has. Connect ignores unknown ones silently, so they are refused before.

Sources: Connect 3.6.1 and Debezium 3.4.3 (their ConfigDefs, printed), ScyllaDB's connector 2.0.3 over Debezium 2.7.4
and Confluent's JDBC sink 10.x (read).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED: Final = {"name": "name", "connector.class": "connector_class", "tasks.max": "tasks_max"}
"""Properties that are arguments of the resource, and that argument."""

_COMMON: Final = _names(
    """
    config.action.reload errors.log.enable errors.log.include.messages errors.retry.delay.max.ms
    errors.retry.timeout errors.tolerance header.converter key.converter predicates transforms value.converter
    """
)
_COMMON_PREFIXES: Final = (
    "admin.override.",
    "consumer.override.",
    "header.converter.",
    "key.converter.",
    "predicates.",
    "producer.override.",
    "transforms.",
    "value.converter.",
)
_SOURCE: Final = _COMMON | _names(
    """
    exactly.once.support offsets.storage.topic topic.creation.groups transaction.boundary
    transaction.boundary.interval.ms
    """
)
_SINK: Final = _COMMON | _names(
    """
    errors.deadletterqueue.context.headers.enable errors.deadletterqueue.topic.name
    errors.deadletterqueue.topic.replication.factor topics topics.regex
    """
)
_SCYLLA: Final = _names(
    """
    cdc.include.after cdc.include.before cdc.include.primary-key.payload-key-name cdc.include.primary-key.placement
    cdc.incomplete.task.timeout.ms cdc.output.format custom.metric.tags event.processing.failure.handling.mode
    experimental.preimages.enabled field.name.adjustment.mode heartbeat.interval.ms max.batch.size max.queue.size
    max.queue.size.in.bytes poll.interval.ms schema.name.adjustment.mode scylla.cluster.ip.addresses
    scylla.confidence.window.size scylla.consistency.level scylla.initial.lookback.ms scylla.local.dc
    scylla.minimal.wait.for.window.time scylla.password scylla.query.options.fetch.size
    scylla.query.time.window.size scylla.ssl.cipherSuites scylla.ssl.enabled scylla.ssl.keystore.password
    scylla.ssl.keystore.path scylla.ssl.openssl.keyCertChain scylla.ssl.openssl.privateKey scylla.ssl.provider
    scylla.ssl.truststore.password scylla.ssl.truststore.path scylla.table.names scylla.user skipped.operations
    tombstones.on.delete topic.heartbeat.prefix topic.naming.strategy topic.prefix worker.jitter.percentage
    worker.max.retries worker.maximum.backoff worker.pooling.core.pool.local worker.pooling.max.pool.local
    worker.pooling.max.queue.size worker.pooling.max.requests.per.connection worker.pooling.pool.timeout.ms
    worker.retry.backoff.base worker.shared.session.enabled
    """
)
_DEBEZIUM_JDBC: Final = _names(
    """
    batch.size cloud.events.schema.name.pattern collection.name.format collection.naming.strategy
    collection.table.format column.naming.strategy connection.password connection.pool.acquire_increment
    connection.pool.max_size connection.pool.min_size connection.pool.timeout connection.provider
    connection.restart.on.errors connection.url connection.username database.time_zone delete.enabled
    dialect.postgres.postgis.schema dialect.sqlserver.identity.insert field.exclude.list field.include.list
    flush.max.retries flush.retry.delay.ms insert.mode primary.key.fields primary.key.mode quote.identifiers
    schema.evolution table.name.format table.naming.strategy truncate.enabled use.reduction.buffer use.time.zone
    """
)
_RESILIENT: Final = _DEBEZIUM_JDBC | {"dead.key.policy"}
_CONFLUENT_JDBC: Final = _names(
    """
    auto.create auto.evolve batch.size connection.attempts connection.backoff.ms connection.password connection.url
    connection.user db.timezone db.timezone.date delete.enabled dialect.name fields.whitelist insert.mode
    max.retries mssql.use.merge.holdlock pk.fields pk.mode quote.sql.identifiers retry.backoff.ms table.name.format
    table.types trim.sensitive.log
    """
)

EQUIVALENTS: Final = {
    "auto.create": "schema.evolution",
    "auto.evolve": "schema.evolution",
    "collection.name.format": "table.name.format",
    "connection.user": "connection.username",
    "connection.username": "connection.user",
    "fields.whitelist": "field.include.list",
    "flush.max.retries": "max.retries",
    "flush.retry.delay.ms": "retry.backoff.ms",
    "max.retries": "flush.max.retries",
    "pk.fields": "primary.key.fields",
    "pk.mode": "primary.key.mode",
    "primary.key.fields": "pk.fields",
    "primary.key.mode": "pk.mode",
    "quote.identifiers": "quote.sql.identifiers",
    "quote.sql.identifiers": "quote.identifiers",
    "retry.backoff.ms": "flush.retry.delay.ms",
    "schema.evolution": "auto.evolve",
    "scylla.name": "topic.prefix",
}
"""A property of one class, and what serves the same purpose in another."""


@dataclass(frozen=True)
class ConnectorClass:
    """What can be configured on a connector class."""

    name: str
    kind: Literal["source", "sink"]
    properties: frozenset[str]
    prefixes: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether the class or Connect itself reads this property on it."""
        return name in self.properties or any(
            name.startswith(prefix) and len(name) > len(prefix) for prefix in self.prefixes
        )


SCYLLA_SOURCE: Final = "com.scylladb.cdc.debezium.connector.ScyllaConnector"
RESILIENT_SINK: Final = "cdc.connect.ResilientJdbcSink"
DEBEZIUM_SINK: Final = "io.debezium.connector.jdbc.JdbcSinkConnector"
CONFLUENT_SINK: Final = "io.confluent.connect.jdbc.JdbcSinkConnector"

CLASSES: Final = {
    known.name: known
    for known in (
        ConnectorClass(
            SCYLLA_SOURCE,
            "source",
            _SOURCE | _SCYLLA,
            (*_COMMON_PREFIXES, "topic.creation.", "signal.", "notification.", "snapshot."),
        ),
        ConnectorClass(RESILIENT_SINK, "sink", _SINK | _RESILIENT, (*_COMMON_PREFIXES, "hibernate.")),
        ConnectorClass(DEBEZIUM_SINK, "sink", _SINK | _DEBEZIUM_JDBC, (*_COMMON_PREFIXES, "hibernate.")),
        ConnectorClass(CONFLUENT_SINK, "sink", _SINK | _CONFLUENT_JDBC, _COMMON_PREFIXES),
    )
}
"""Classes whose properties are known. Others are only checked for what concerns every connector."""
