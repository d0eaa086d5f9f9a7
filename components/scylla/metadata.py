"""What a ScyllaDB table looks like, read from `system_schema`."""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from components.scylla.session import CqlSession

DEFAULT_CDC_TTL_SECONDS: Final = 86_400
"""ScyllaDB's own default: how long a change stays in the log, and so how long the connector may be down."""

_TABLE_QUERY: Final = (
    "SELECT default_time_to_live, extensions FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
)
_COLUMNS_QUERY: Final = (
    "SELECT column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
)


class ColumnKind(StrEnum):
    """The part of a table that a column belongs to, as `system_schema.columns` names it."""

    PARTITION_KEY = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True)
class SourceColumn:
    """One column of a ScyllaDB table."""

    name: str
    cql_type: str
    kind: ColumnKind = ColumnKind.REGULAR
    position: int = -1
    """Place in the partition key or clustering key, from 0; -1 outside of the key."""


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


@dataclass(frozen=True)
class SourceTable:
    """A ScyllaDB table."""

    keyspace: str
    name: str
    columns: tuple[SourceColumn, ...]
    cdc: CdcOptions = CdcOptions()
    default_ttl_seconds: int = 0
    """`default_time_to_live`; 0 = rows do not expire."""

    @property
    def full_name(self) -> str:
        """`keyspace.table`."""
        return f"{self.keyspace}.{self.name}"

    @property
    def partition_key(self) -> tuple[str, ...]:
        """Names of the partition key's columns, in order."""
        return self._key_columns(ColumnKind.PARTITION_KEY)

    @property
    def clustering_key(self) -> tuple[str, ...]:
        """Names of the clustering key's columns, in order."""
        return self._key_columns(ColumnKind.CLUSTERING)

    @property
    def key(self) -> tuple[str, ...]:
        """The whole primary key: partition key, then clustering key."""
        return self.partition_key + self.clustering_key

    def column(self, name: str) -> SourceColumn | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def _key_columns(self, kind: ColumnKind) -> tuple[str, ...]:
        columns = [column for column in self.columns if column.kind == kind]
        return tuple(column.name for column in sorted(columns, key=lambda column: column.position))


def split_table_name(full_name: str) -> tuple[str, str]:
    """Split `keyspace.table` (or `schema.table`). Raises ValueError."""
    keyspace, separator, table = full_name.partition(".")
    if not separator or not keyspace or not table or "." in table:
        raise ValueError(f"'{full_name}' is not a full table name such as shop.users")
    return keyspace, table


def read_source_table(session: CqlSession, keyspace: str, name: str) -> SourceTable | None:
    """Read a table's columns and options; None when there is no such table. Raises ScyllaError."""
    tables = session.execute(_TABLE_QUERY, (keyspace, name))
    if not tables:
        return None
    rows = session.execute(_COLUMNS_QUERY, (keyspace, name))
    columns = tuple(
        SourceColumn(row["column_name"], row["type"], ColumnKind(row["kind"]), row["position"]) for row in rows
    )
    cdc = (tables[0]["extensions"] or {}).get("cdc")
    return SourceTable(
        keyspace=keyspace,
        name=name,
        columns=columns,
        cdc=CdcOptions() if cdc is None else decode_cdc_options(cdc),
        default_ttl_seconds=tables[0]["default_time_to_live"] or 0,
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
