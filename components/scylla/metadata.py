"""What a ScyllaDB table looks like, read from `system_schema`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from components.scylla.session import CqlSession
from reconcile.cdc_options import CdcOptions, decode_cdc_options

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
class SourceTable:
    """A ScyllaDB table."""

    keyspace: str
    name: str
    columns: tuple[SourceColumn, ...]
    cdc: CdcOptions = field(default_factory=CdcOptions)
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
