"""The sinks' configurations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Literal
from urllib.parse import urlencode

from components.kafka_connect.converters import AvroConverterConfig
from components.kafka_connect.fields import (
    RETRY_DELAY_MAX_MS,
    check_at_least,
    check_choice,
    check_topic,
    secret_reference,
)
from components.kafka_connect.tables import ReplicatedTable, check_tables

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, kw_only=True)
class JdbcTarget:
    """The PostgreSQL database that a sink writes to, as the workers reach it."""

    host: str
    port: int
    database: str
    ssl_mode: str = "prefer"
    """libpq's names; verify-full with a public certificate in production."""
    ssl_root_cert: str = ""
    """Path on the workers of the authorities that they trust; empty: the driver's own default."""

    def __post_init__(self) -> None:
        if not self.host or not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", self.host):
            raise ValueError(f"host {self.host!r} is not a host name; write for example postgres")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.database):
            raise ValueError(f"database {self.database!r} is not a database name; write for example warehouse")
        if not 0 < self.port < 65536:
            raise ValueError(f"port {self.port} is no port; write for example 5432")
        check_choice("ssl_mode", self.ssl_mode, _SSL_MODES)

    def url(self) -> str:
        """JDBC URL without credentials.

        `stringtype=unspecified` lets text bind to uuid, numeric, inet and jsonb columns. The rewrite of batches needs
        batches with one change for each key, else ON CONFLICT meets a row twice.
        """
        options = {
            "stringtype": "unspecified",
            "reWriteBatchedInserts": "true",
            "sslmode": self.ssl_mode,
            "ApplicationName": "postgres-sink",
            "tcpKeepAlive": "true",
            # A server that hangs counts as down after this time.
            "socketTimeout": "60",
            # The server's error details quote row values.
            "logServerErrorDetail": "false",
        }
        if self.ssl_root_cert:
            options["sslrootcert"] = self.ssl_root_cert
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.database}?{urlencode(options)}"


@dataclass(frozen=True, kw_only=True)
class _JdbcSinkConfig:
    """What both sinks have in common."""

    target: JdbcTarget
    topic_prefix: str
    """That of the source connector."""
    tables: tuple[ReplicatedTable, ...]
    converter: AvroConverterConfig
    dlq_topic: str
    """Records that cannot be converted or written go here, with the reason in their headers."""
    dlq_replication_factor: int
    batch_size: int = 3000
    """Rows in one write, and records in one poll; 3000 gives about twice the throughput of the default."""
    tasks_max: int = 1
    """More than the partitions of a topic is of no use."""
    retry_timeout_ms: int = -1
    """How long converting a record is repeated while the registry is down; -1: for ever. When the time is over, good
    records go to the dead letter queue."""
    traced: bool = False
    """Every record has headers that name its trace."""

    def __post_init__(self) -> None:
        check_topic("topic_prefix", self.topic_prefix)
        check_topic("dlq_topic", self.dlq_topic)
        check_tables(self.tables)
        check_at_least("dlq_replication_factor", self.dlq_replication_factor, 1)
        check_at_least("batch_size", self.batch_size, 1)
        check_at_least("tasks_max", self.tasks_max, 1)
        check_at_least("retry_timeout_ms", self.retry_timeout_ms, -1)
        if self.converter.auto_register:
            raise ValueError("converter.auto_register is on; a sink only reads schemas: write auto_register=False")

    def _common_config(self) -> dict[str, str]:
        # Connect's default guesses a type for the text of each header, on every record.
        headers = {"header.converter": "org.apache.kafka.connect.storage.StringConverter"} if self.traced else {}
        return {
            **headers,
            "topics": ",".join(table.topic(self.topic_prefix) for table in self.tables),
            "connection.url": self.target.url(),
            "connection.password": secret_reference("postgres", "password"),
            "insert.mode": "upsert",
            "delete.enabled": "true",
            "batch.size": str(self.batch_size),
            "consumer.override.max.poll.records": str(self.batch_size),
            "consumer.override.isolation.level": "read_committed",
            "consumer.override.auto.offset.reset": "earliest",
            # The default keeps the partitions of a worker that died for 45 s.
            "consumer.override.session.timeout.ms": "10000",
            "consumer.override.heartbeat.interval.ms": "3000",
            # A hundred refused records in a batch take minutes to find on a busy machine (measured); the default is 5.
            "consumer.override.max.poll.interval.ms": "1800000",
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": self.dlq_topic,
            "errors.deadletterqueue.topic.replication.factor": str(self.dlq_replication_factor),
            "errors.deadletterqueue.context.headers.enable": "true",
            "errors.retry.timeout": str(self.retry_timeout_ms),
            "errors.retry.delay.max.ms": str(RETRY_DELAY_MAX_MS),
            "errors.log.enable": "true",
            "errors.log.include.messages": "false",
            **self.converter.to_config(),
        }


@dataclass(frozen=True, kw_only=True)
class DebeziumJdbcSinkConfig(_JdbcSinkConfig):
    """Debezium's JDBC sink inside our wrapper that lives through outages and bad records, fed with the envelope."""

    connector_class: ClassVar[str] = "cdc.connect.ResilientJdbcSink"

    schema_evolution: Literal["none", "basic"] = "none"
    """`basic` adds columns that the source got; the writer's role must then own the tables."""
    dead_key_policy: Literal["follow", "wait"] = "follow"
    """What becomes of later records of a key when the database refuses one: they follow it to the dead letter queue, or
    wait, with their topic partition, until it is taken."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("schema_evolution", self.schema_evolution, ("none", "basic"))
        check_choice("dead_key_policy", self.dead_key_policy, ("follow", "wait"))

    def to_config(self) -> dict[str, str]:
        """The connector's properties without name, class and tasks.max."""
        pairs = ",".join(f"{table.source}={table.target}" for table in self.tables)
        return {
            **self._common_config(),
            "connection.username": secret_reference("postgres", "username"),
            "primary.key.mode": "record_key",
            "schema.evolution": self.schema_evolution,
            "dead.key.policy": self.dead_key_policy,
            # FitToJdbc writes the target's schema and table into these fields of the envelope.
            "collection.name.format": "${source.keyspace_name}.${source.table_name}",
            "transforms": "fit",
            "transforms.fit.type": "cdc.connect.FitToJdbc",
            "transforms.fit.tables": pairs,
            # One change for each key in a batch; safe because every change carries the whole row.
            "use.reduction.buffer": "true",
            # The wrapper makes a new task and repeats the batch; retries inside would hold a dead session.
            "flush.max.retries": "0",
            "hibernate.c3p0.acquireRetryAttempts": "1",
            # The pool's default is 32 connections for each task.
            "connection.pool.min_size": "1",
            "connection.pool.max_size": "2",
            "connection.pool.acquire_increment": "1",
        }


@dataclass(frozen=True, kw_only=True)
class ConfluentJdbcSinkConfig(_JdbcSinkConfig):
    """Confluent's JDBC sink (source-available, not on Maven Central), which reads flat rows.

    The envelope is flattened on the sink. Debezium's transform takes a delete without images for a truncate and drops
    it, so the tombstone behind it has to carry the delete; `rewrite-with-tombstone` is the one mode that keeps it, and
    the marker that this mode adds to rows is taken out again.
    """

    connector_class: ClassVar[str] = "io.confluent.connect.jdbc.JdbcSinkConnector"

    max_retries: int = 120
    """Attempts to write a batch, `retry_backoff_ms` apart, before its records go to the dead letter queue."""
    retry_backoff_ms: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("max_retries", self.max_retries, 0)
        check_at_least("retry_backoff_ms", self.retry_backoff_ms, 0)

    def to_config(self) -> dict[str, str]:
        """The connector's properties without name, class and tasks.max."""
        return {
            **self._common_config(),
            # This sink has no reduction buffer, so batches may hold a key twice and must not be rewritten.
            "connection.url": self.target.url().replace("reWriteBatchedInserts=true", "reWriteBatchedInserts=false"),
            "connection.user": secret_reference("postgres", "username"),
            "pk.mode": "record_key",
            "auto.create": "false",
            "auto.evolve": "false",
            "table.name.format": "${topic}",
            "max.retries": str(self.max_retries),
            "retry.backoff.ms": str(self.retry_backoff_ms),
            "trim.sensitive.log": "true",
            **self._transforms(),
        }

    def _transforms(self) -> dict[str, str]:
        routes = {f"route{number}": table for number, table in enumerate(self.tables)}
        config = {
            "transforms": ",".join(["unwrap", "unmark", *routes]),
            "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
            "transforms.unwrap.delete.tombstone.handling.mode": "rewrite-with-tombstone",
            "transforms.unmark.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
            "transforms.unmark.exclude": "__deleted",
        }
        for alias, table in routes.items():
            config |= {
                f"transforms.{alias}.type": "org.apache.kafka.connect.transforms.RegexRouter",
                f"transforms.{alias}.regex": re.escape(table.topic(self.topic_prefix)),
                f"transforms.{alias}.replacement": table.target,
            }
        return config
