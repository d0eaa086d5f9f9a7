"""What has to change in a target table so that it takes the source's rows, and what must not be changed unasked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from psycopg import sql

from components.postgres.migrations import ChangeType, DropColumn, Migration, RenameColumn
from components.postgres.table_schema import ExistingColumn, ExistingTable, WantedTable
from components.scylla.metadata import split_table_name

_WIDER: Final = {
    "smallint": {"integer", "bigint", "numeric"},
    "integer": {"bigint", "numeric"},
    "bigint": {"numeric"},
    "real": {"double precision"},
    "numeric": {"numeric"},
    "character varying": {"text"},
    "character": {"text"},
}
"""Types by name without length or precision, and those that hold all of their values."""
_MADE_BY_SINK: Final = {
    "text": {"uuid", "numeric", "inet", "jsonb"},
    "timestamp without time zone": {"timestamptz"},
}
"""What the sink makes of a column that it adds itself, and what the type map says."""
_MODIFIER: Final = re.compile(r"\(\d+(?:,-?\d+)?\)")


@dataclass(frozen=True)
class Change:
    """One statement that a target table needs."""

    text: str
    """The change in words."""
    statement: sql.Composed


@dataclass(frozen=True)
class Problem:
    """What keeps a target table from taking the source's rows."""

    text: str
    cure: str

    def __str__(self) -> str:
        return f"{self.text}; {self.cure}"


@dataclass(frozen=True)
class Plan:
    """Everything between a target table as it is and as the source needs it."""

    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    leftovers: tuple[str, ...] = ()
    """Columns that only the target has."""


@dataclass
class _Planner:
    wanted: WantedTable
    table: ExistingTable
    target: str
    known: Collection[str] | None
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def alter(self, text: str, action: sql.Composable) -> None:
        statement = sql.SQL("ALTER TABLE {} ").format(sql.Identifier(*split_table_name(self.target))) + action
        self.changes.append(Change(text, statement))

    def refuse(self, text: str, cure: str) -> None:
        self.problems.append(Problem(text, cure))

    def migrate(self, migration: Migration) -> None:
        """Do what is still to be done; a migration that is done, or not due yet, changes nothing."""
        columns = self.table.columns
        present = columns.get(migration.column)
        if present is None:
            return
        if isinstance(migration, DropColumn) and migration.column not in self.wanted.columns:
            self.alter(f"column {migration.column} is dropped", _sql("DROP COLUMN {}", migration.column))
            self.table = replace(self.table, columns={k: v for k, v in columns.items() if k != migration.column})
        elif isinstance(migration, RenameColumn):
            self._rename(migration, present)
        elif isinstance(migration, ChangeType):
            wanted_type = self.wanted.columns.get(migration.column, present.type)
            if present.type != wanted_type:
                self._retype(migration.column, present, wanted_type, migration.using)

    def _rename(self, migration: RenameColumn, present: ExistingColumn) -> None:
        old, new = migration.column, migration.to
        if old in self.wanted.columns or new not in self.wanted.columns:
            return
        if new in self.table.columns:
            self.refuse(
                f"column {old} cannot be renamed, since the target has {new} too",
                f"fill {new} from the source, and write {{dropColumn: {old}}} instead",
            )
            return
        self.alter(f"column {old} is renamed to {new}", _sql("RENAME COLUMN {} TO {}", old, new))
        columns = {new if name == old else name: column for name, column in self.table.columns.items()}
        key = tuple(new if name == old else name for name in self.table.key)
        self.table = ExistingTable(columns | {new: present}, key)

    def _retype(self, name: str, present: ExistingColumn, pg_type: str, using: str = "") -> None:
        cast = sql.SQL(using) if using else _cast(name, present.type, pg_type)
        action = _sql("ALTER COLUMN {} TYPE ", name) + sql.SQL(pg_type) + sql.SQL(" USING ") + cast
        self.alter(f"column {name} becomes {pg_type} (was {present.type})", action)
        self.table = replace(self.table, columns={**self.table.columns, name: replace(present, type=pg_type)})

    def check_key(self) -> None:
        """The keys of both sides are the same columns."""
        if set(self.table.key) != set(self.wanted.key):
            key = ", ".join(self.wanted.key)
            self.refuse(
                f"its primary key is ({', '.join(self.table.key)}), the source's is ({key})",
                f"make the same key with ALTER TABLE {self.target} ADD PRIMARY KEY ({key}), or name another target",
            )

    def fit_columns(self) -> None:
        """Add what is missing, widen what is too narrow, refuse the rest."""
        for name, pg_type in self.wanted.columns.items():
            present = self.table.columns.get(name)
            if present is None:
                self.alter(
                    f"column {name} is added as {pg_type}",
                    _sql("ADD COLUMN IF NOT EXISTS {} ", name) + sql.SQL(pg_type),
                )
            elif present.type != pg_type:
                if is_wider(present.type, pg_type) or self._is_sinks_own(name, present.type, pg_type):
                    self._retype(name, present, pg_type)
                else:
                    self.refuse(
                        f"column {name} is {present.type}, the source needs {pg_type}",
                        f"write {{changeType: {{column: {name}}}}} into the table's migrations, or name another target",
                    )

    def check_fillable(self) -> None:
        """No column but the key's has to be given a value."""
        for name, column in self.table.columns.items():
            if column.needs_value and name not in self.wanted.key:
                self.refuse(
                    f"column {name} is NOT NULL without a default, but rows come without it",
                    f"ALTER TABLE {self.target} ALTER COLUMN {name} DROP NOT NULL",
                )

    def _is_sinks_own(self, name: str, present: str, pg_type: str) -> bool:
        """Whether the sink has added the column since the last `up`, with its own idea of the type."""
        return self.known is not None and name not in self.known and pg_type in _MADE_BY_SINK.get(_plain(present), ())


def plan_changes(
    wanted: WantedTable,
    existing: ExistingTable,
    target: str,
    migrations: Sequence[Migration] = (),
    known: Collection[str] | None = None,
) -> Plan:
    """Compare the target table with what the source needs.

    Args:
        wanted: what the source needs.
        existing: the table as it is.
        target: its name, `schema.table`.
        migrations: changes that lose something and are wanted all the same.
        known: columns that the table had when this project last changed it; None when it never did. A column that
            appeared since then was added by the sink, which knows fewer types.
    """
    planner = _Planner(wanted, existing, target, known)
    for migration in migrations:
        planner.migrate(migration)
    planner.check_key()
    planner.fit_columns()
    planner.check_fillable()
    leftovers = tuple(name for name in planner.table.columns if name not in wanted.columns)
    return Plan(tuple(planner.changes), tuple(planner.problems), leftovers)


def is_wider(present: str, pg_type: str) -> bool:
    """Whether every value of the first type is one of the second."""
    if present.endswith("[]") and pg_type.endswith("[]"):
        return is_wider(present[:-2], pg_type[:-2])
    return pg_type in _WIDER.get(_plain(present), ())


def _plain(pg_type: str) -> str:
    """The type without length or precision: `numeric(6,2)` -> `numeric`."""
    return _MODIFIER.sub("", pg_type)


def _cast(name: str, present: str, pg_type: str) -> sql.Composed:
    if pg_type == "timestamptz" and _plain(present) == "timestamp without time zone":
        return _sql("{} AT TIME ZONE 'UTC'", name)
    return _sql("{}::", name) + sql.SQL(pg_type)


def _sql(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))
