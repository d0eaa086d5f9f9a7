"""The statements that repair and undo use on a target table. Each touches one row, in the version that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, LiteralString

from psycopg import sql

from reconcile.model import Key
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.schema_target import table_identifier

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '500ms'"
"""Below PostgreSQL's deadlock_timeout (1 s), so that reconcile gives way before anybody is killed for a deadlock."""
CURRENT_XID = "SELECT pg_current_xact_id()::xid::text"
"""What `xmin` of the rows that this transaction writes will be; true as long as it uses no savepoints."""


class Statements:
    """Statements for one table. `r` is the row; xmin is compared as text because it has no order."""

    def __init__(self, plan: TablePlan) -> None:
        self._plan = plan
        self._columns = {column.name: column for column in plan.columns}

    @cached_property
    def _table(self) -> sql.Identifier:
        return table_identifier(self._plan.ref)

    @cached_property
    def _where_key(self) -> sql.Composed:
        return sql.SQL(" AND ").join(
            sql.SQL("r.{} = {}").format(sql.Identifier(column.name), _value(column)) for column in self._plan.key
        )

    @cached_property
    def insert(self) -> sql.Composed:
        """Insert a whole row unless there is one with the key; returns the row after."""
        columns = self._plan.columns
        return sql.SQL(
            "INSERT INTO {} AS r ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING RETURNING to_jsonb(r)::text"
        ).format(
            self._table,
            sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            sql.SQL(", ").join(_value(column) for column in columns),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in self._plan.key),
        )

    @cached_property
    def lock(self) -> sql.Composed:
        """Lock the version seen; returns the row before. Nothing when it is another version, or somebody holds it.

        Never waiting while locks are held keeps reconcile out of every deadlock with the sink.
        """
        return self._row("FOR NO KEY UPDATE SKIP LOCKED")

    @cached_property
    def claim(self) -> sql.Composed:
        """Lock the version that a repair made, so that it can be taken back; like `lock`."""
        return self._row("FOR UPDATE SKIP LOCKED")

    @cached_property
    def exists(self) -> sql.Composed:
        """Tell whether the version that a repair made is still there; returns the row."""
        return self._row("")

    def _row(self, clause: LiteralString) -> sql.Composed:
        return sql.SQL("SELECT to_jsonb(r)::text FROM {} AS r WHERE {} AND r.xmin::text = %s {}").format(
            self._table, self._where_key, sql.SQL(clause)
        )

    def update(self, columns: Sequence[str]) -> sql.Composed:
        """Set these columns in the version seen; returns the row after."""
        return sql.SQL("UPDATE {} AS r SET {} WHERE {} AND r.xmin::text = %s RETURNING to_jsonb(r)::text").format(
            self._table,
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), _value(self._columns[name])) for name in columns
            ),
            self._where_key,
        )

    @cached_property
    def delete(self) -> sql.Composed:
        """Delete the version that an insert of ours made; returns the row before."""
        return sql.SQL("DELETE FROM {} AS r WHERE {} AND r.xmin::text = %s RETURNING to_jsonb(r)::text").format(
            self._table, self._where_key
        )

    def restore(self, columns: Sequence[str]) -> sql.Composed:
        """Set these columns back to what an image holds, in the version that an update of ours made.

        Parameters: the repair that holds the image, the key, the version. The image stays inside PostgreSQL, because
        JSON on its way through this program would lose digits.
        """
        return sql.SQL(
            "UPDATE {table} AS r SET {columns} FROM reconciliation_repairs AS p, "
            "jsonb_populate_record(NULL::{table}, p.before) AS image "
            "WHERE p.repair_id = %s AND {key} AND r.xmin::text = %s RETURNING to_jsonb(r)::text"
        ).format(
            table=self._table,
            columns=sql.SQL(", ").join(sql.SQL("{0} = image.{0}").format(sql.Identifier(name)) for name in columns),
            key=self._where_key,
        )

    def key_parameters(self, key: Key) -> list[Any]:
        """Return the parameters of a key. Raises UnrepresentableError."""
        return [column.rule.to_parameter(value) for column, value in zip(self._plan.key, key, strict=True)]

    def insert_parameters(self, key: Key, cells: Sequence[Any]) -> list[Any]:
        """Return the parameters of `insert` for value cells as ScyllaDB's client reads them.

        Raises UnrepresentableError.
        """
        names = [column.name for column in self._plan.values]
        return [*self.key_parameters(key), *self.value_parameters(names, cells)]

    def value_parameters(self, columns: Sequence[str], cells: Sequence[Any]) -> list[Any]:
        """Return the parameters of some columns of such a row. Raises UnrepresentableError."""
        row = {column.name: (column.rule, cell) for column, cell in zip(self._plan.values, cells, strict=True)}
        return [rule.to_parameter(rule.canonical_source(cell)) for rule, cell in (row[name] for name in columns)]


def _value(column: ColumnPlan) -> sql.Composed:
    # The text is PostgreSQL's own input form; the type comes from the catalogue, in its own spelling.
    return sql.SQL("%s::{}").format(sql.SQL(column.pg_type))
