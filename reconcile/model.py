"""Words shared by all modules: tables, keys, units of work, differences, findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Key = tuple[Any, ...]
"""Canonical values of the full primary key: partition key, then clustering key."""


@dataclass(frozen=True)
class KeySpan:
    """The rows of one partition that a delete in the CDC log may have covered: those whose first clustering columns
    equal `prefix` and, where bounds are set, whose next clustering column lies between them.

    A span may hold more rows than the delete covered: comparing a row too many is harmless.
    """

    partition: Key
    """Canonical values of the partition key."""
    prefix: tuple[Any, ...] = ()
    """Canonical values of the first clustering columns; empty for the whole partition."""
    low: Any = None
    """Inclusive bound of the clustering column after the prefix; None when open."""
    high: Any = None


class Mode(StrEnum):
    """Which rows a run compares."""

    FULL = "full"
    INCREMENTAL = "incremental"


class Strategy(StrEnum):
    """How full mode joins both sides."""

    LOOKUP = "lookup"
    """Read the same keys from PostgreSQL, batch by batch."""
    MERGE = "merge"
    """Export PostgreSQL once, in buckets of tokens, and meet it with the scan."""


class RepairPolicy(StrEnum):
    """Which confirmed differences are repaired."""

    NONE = "none"
    MISSING = "missing"
    MISMATCH = "mismatch"
    ALL = "all"


class Kind(StrEnum):
    """How a row differs."""

    MISSING = "missing"
    """In ScyllaDB, not in PostgreSQL."""
    MISMATCH = "mismatch"
    """In both, with different values."""
    EXTRA = "extra"
    """In PostgreSQL, not in ScyllaDB; warned about, never deleted."""
    INVALID_KEY = "invalid_key"
    """In PostgreSQL with a NULL in its key, so that no source row can match."""


class Cause(StrEnum):
    """The likely reason of a finding."""

    RANGE_OR_PARTITION_DELETE = "range_or_partition_delete"
    TTL_EXPIRED = "ttl_expired"
    NULL_OVERWRITE = "null_overwrite"
    STALE_UPDATE = "stale_update"
    NEVER_ARRIVED = "never_arrived"
    PRE_CDC = "pre_cdc"
    PG_LOCAL_WRITE = "pg_local_write"
    TYPE_LOSSY = "type_lossy"
    UNREPRESENTABLE = "unrepresentable"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    UNSTABLE = "unstable"
    """The row changed at every look; reported, never repaired."""
    REPAIRED = "repaired"
    RESOLVED = "resolved"
    """A later look found both sides equal."""
    UNREPAIRABLE = "unrepairable"
    """PostgreSQL cannot hold the value."""
    SUPERSEDED = "superseded"
    """A later run found the row again; its finding counts."""


class UnitKind(StrEnum):
    """What a unit of work covers."""

    TOKENS = "tokens"
    """A token sub-range of the source table."""
    LOG = "log"
    """A time slice of some streams of the CDC log."""
    EXTRA = "extra"
    """The keys of the target table."""


@dataclass(frozen=True)
class TableRef:
    """A source table and its copy."""

    source: str
    """`keyspace.table` in ScyllaDB."""
    target: str
    """`schema.table` in PostgreSQL."""
    topic: str | None = None
    """Kafka topic of the table's changes; None when the pipeline is not known."""
    ignore_columns: tuple[str, ...] = ()

    @property
    def keyspace(self) -> str:
        """First part of the source's name."""
        return self.source.partition(".")[0]

    @property
    def table(self) -> str:
        """Second part of the source's name."""
        return self.source.partition(".")[2]


@dataclass(frozen=True)
class SourceSettings:
    """How ScyllaDB is reached. The password is read from its file when a connection is made, so rotation is seen."""

    contact_points: tuple[str, ...]
    """`host:port` each."""
    datacenter: str | None = None
    consistency: str = "LOCAL_QUORUM"
    credentials_file: str | None = None
    """Properties file with `username=` and `password=`."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    request_timeout_seconds: float = 60.0
    ca_file: str | None = None
    """Authorities, besides the system's; TLS is used when it is set."""


@dataclass(frozen=True)
class TargetSettings:
    """How PostgreSQL is reached; see `SourceSettings` for credentials."""

    host: str
    port: int = 5432
    database: str = "warehouse"
    credentials_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    statement_timeout_seconds: float = 300.0
    lock_timeout_seconds: float = 15.0
    bookkeeping_schema: str = "reconcile"


@dataclass(frozen=True)
class PipelineSettings:
    """How the pipeline's progress is seen; without it a run waits by time only."""

    connect_url: str | None = None
    source_connector: str | None = None
    sink_connector: str | None = None
    kafka_bootstrap_servers: str | None = None
    window_size_ms: int = 30_000
    confidence_window_ms: int = 30_000
    connect_credentials_file: str | None = None
    """Properties file with `username=` and `password=`; None: Connect asks for no login."""
    kafka_tls: bool = False
    kafka_sasl_mechanism: str | None = None
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; None: the brokers ask for no login."""
    kafka_credentials_file: str | None = None
    """Properties file with `username=` and `password=`."""
    ca_file: str | None = None
    """Authorities by which brokers and Connect are verified; None: the system's."""


@dataclass(frozen=True)
class Patience:
    """How restarts of a failed connector are spaced, and when they end."""

    first_pause_seconds: float = 10.0
    longest_pause_seconds: float = 600.0
    most_restarts: int = 10
    """With the pauses above: for about 50 minutes."""
    forget_seconds: float = 900.0
    """A connector that ran for this long has recovered; its next failure is a new one."""

    def pause_seconds(self, restarts: int) -> float:
        """Return the pause after that many restarts."""
        return min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** min(restarts, 30))


@dataclass(frozen=True)
class Unit:
    """One piece of work that is checkpointed as a whole. Small, picklable, the same on every executor."""

    number: int
    """Position in the plan, from 0; stable across resumes."""
    kind: UnitKind
    low: int = 0
    """TOKENS: exclusive lower bound. LOG: start of the slice, milliseconds since 1970."""
    high: int = 0
    """TOKENS: inclusive upper bound. LOG: end of the slice (exclusive), milliseconds since 1970."""
    streams: tuple[bytes, ...] = ()
    """LOG: the streams read."""


@dataclass(frozen=True)
class Difference:
    """A row whose sides were not equal at one look."""

    key: Key
    kind: Kind
    columns: tuple[str, ...] = ()
    """MISMATCH: the columns that differ."""
    source_fingerprint: bytes = b""
    """Of the canonical source values; empty when the row is absent."""
    target_fingerprint: bytes = b""


@dataclass(frozen=True)
class UnitCounts:
    """What a unit saw."""

    source_rows: int = 0
    target_rows: int = 0
    matched_rows: int = 0
    static_only_partitions: int = 0
    seconds: float = 0.0

    def __add__(self, other: UnitCounts) -> UnitCounts:
        return UnitCounts(
            self.source_rows + other.source_rows,
            self.target_rows + other.target_rows,
            self.matched_rows + other.matched_rows,
            self.static_only_partitions + other.static_only_partitions,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class UnitResult:
    """What a worker returns for a unit."""

    unit: Unit
    counts: UnitCounts
    candidates: tuple[Difference, ...] = ()
    seen_hashes: bytes = b""
    """TOKENS: 64-bit hashes of all keys seen, native byte order, for the search of extra rows."""


@dataclass(frozen=True)
class ScanOptions:
    """How units read."""

    page_rows: int = 10_000
    """Rows compared at a time."""
    fetch_rows: int = 5_000
    """Rows asked of ScyllaDB per wire page; it cuts pages at 1 MB anyway."""
    max_rows_per_second: float | None = None
    """Per worker."""


@dataclass(frozen=True)
class ColumnDifference:
    """One differing cell, as text for people."""

    name: str
    source: str | None
    target: str | None
    rule: str
    writetime_us: int | None = None


@dataclass(frozen=True)
class Finding:
    """A confirmed or unstable difference, as it stands in `reconciliation_log`."""

    table: str
    run_id: str
    difference: Difference
    key: dict[str, Any]
    """Key columns as JSON values."""
    cause: Cause
    state: State
    columns: tuple[ColumnDifference, ...]
    first_seen: datetime
    confirmed_at: datetime
    checks: int
