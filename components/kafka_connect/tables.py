"""Which table of ScyllaDB goes into which table of PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SOURCE: Final = re.compile(r"[A-Za-z0-9_]{1,48}\.[A-Za-z0-9_]{1,48}")
"""What ScyllaDB's connector accepts in scylla.table.names."""
_TARGET: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
"""Lower case only: sinks write names without quotes, and PostgreSQL folds those to lower case."""
_COLUMN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class ReplicatedTable:
    """One table of the source, its target and its primary key."""

    source: str
    """`keyspace.table` in ScyllaDB."""
    target: str
    """`schema.table` in PostgreSQL."""
    partition_key: tuple[str, ...]
    """Columns of the partition key, in order."""
    clustering_key: tuple[str, ...] = ()
    """Clustering columns, in order; empty when the table has none."""

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source):
            raise ValueError(f"source {self.source!r} is not keyspace.table; write for example shop.users")
        if not _TARGET.fullmatch(self.target):
            raise ValueError(
                f"target {self.target!r} is not schema.table in lower case; write for example public.users"
            )
        if not self.partition_key:
            raise ValueError(f"partition_key of {self.source} is empty; list the columns of its partition key")
        keys = self.key_columns
        if wrong := [key for key in keys if not _COLUMN.fullmatch(key)]:
            raise ValueError(f"{wrong[0]!r} in the key of {self.source} is not a column name")
        if len(set(keys)) < len(keys):
            raise ValueError(f"a column is listed twice in the key of {self.source}; name each column once")

    @property
    def keyspace(self) -> str:
        """Keyspace of the source table."""
        return self.source.partition(".")[0]

    @property
    def table(self) -> str:
        """Name of the source table without its keyspace."""
        return self.source.partition(".")[2]

    @property
    def target_schema(self) -> str:
        """PostgreSQL schema of the target table."""
        return self.target.partition(".")[0]

    @property
    def target_table(self) -> str:
        """Name of the target table without its schema."""
        return self.target.partition(".")[2]

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The primary key: partition key, then clustering columns."""
        return (*self.partition_key, *self.clustering_key)

    def topic(self, topic_prefix: str) -> str:
        """The topic that the source connector writes this table's changes to."""
        return f"{topic_prefix}.{self.source}"


def check_tables(tables: tuple[ReplicatedTable, ...]) -> None:
    """Refuse an empty list and a source or target that is listed twice.

    Raises:
        ValueError: the message names the table.
    """
    if not tables:
        raise ValueError("tables is empty; list at least one replicated table")
    for what in ("source", "target"):
        names = [str(getattr(table, what)) for table in tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tables: {what} {twice[0]} is listed twice; give each table one entry")
