"""Pairs the columns of a ScyllaDB table with those of its copy, each with a rule; refuses what cannot be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cassandra.metadata import ColumnMetadata, TableMetadata

from reconcile.cdc_options import CdcOptions, decode_cdc_options
from reconcile.errors import ConfigError
from reconcile.model import Key, TableRef
from reconcile.schema_target import TargetColumn, TargetTable, read_target_table
from reconcile.types import UnsupportedTypeError, postgres_column
from reconcile.values import Rule, rule_for
from reconcile.values_types import UserType, resolve

if TYPE_CHECKING:
    from reconcile.source import SourceClient
    from reconcile.target import TargetClient

RULES_VERSION: Final = 1
"""Raised when a rule changes its mind about a pair of values: a run is not resumed with other rules."""
_MAX_NAME_BYTES: Final = 63


@dataclass(frozen=True)
class ColumnPlan:
    """One column of both sides."""

    name: str
    cql_type: str
    pg_type: str
    rule: Rule
    pg_oid: int
    """Of the type in PostgreSQL's results."""
    pg_array_oid: int
    is_static: bool = False


@dataclass(frozen=True)
class TablePlan:
    """How one table is compared. Picklable."""

    ref: TableRef
    key: tuple[ColumnPlan, ...]
    """The whole primary key: partition key, then clustering key."""
    partition_key: tuple[str, ...]
    values: tuple[ColumnPlan, ...]
    clustering_reversed: tuple[bool, ...] = ()
    """For each clustering column, whether it is sorted descending."""
    default_ttl_seconds: int = 0
    cdc_enabled: bool = False
    cdc_ttl_seconds: int = 0
    """How long a change stays in the CDC log; 0 = for ever."""
    ignored_columns: tuple[str, ...] = ()
    target_only_columns: tuple[str, ...] = ()
    """Columns that only PostgreSQL has; not compared, never written."""
    key_may_be_null: bool = False
    """Whether PostgreSQL allows NULL in a column of the key."""

    @property
    def columns(self) -> tuple[ColumnPlan, ...]:
        """Key, then values: the order of the cells in rows of both clients."""
        return self.key + self.values

    @property
    def clustering_key(self) -> tuple[ColumnPlan, ...]:
        """The columns of the key that are not in the partition key."""
        return self.key[len(self.partition_key) :]

    @property
    def has_static_columns(self) -> bool:
        """Whether a partition can hold values without a row."""
        return any(column.is_static for column in self.values)

    @property
    def fingerprint(self) -> str:
        """Changes with everything that decides which rows are equal."""
        columns = [(column.name, column.cql_type, column.rule.pg_type) for column in self.columns]
        text = repr((RULES_VERSION, self.ref.source, self.ref.target, self.partition_key, len(self.key), columns))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def column(self, name: str) -> ColumnPlan:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def source_key(self, row: Sequence[Any]) -> Key:
        """Return the canonical key of a row of `SourceClient`."""
        return tuple(column.rule.canonical_source(raw) for column, raw in zip(self.key, row, strict=False))

    def target_key(self, row: Sequence[Any]) -> Key:
        """Return the canonical key of a row of `TargetClient`."""
        return tuple(column.rule.canonical_target(raw) for column, raw in zip(self.key, row, strict=False))


def plan_table(
    source: SourceClient, target: TargetClient, table: TableRef, *, ignore_columns: Collection[str] = ()
) -> TablePlan:
    """Read both schemas and pair their columns.

    Raises:
        ConfigError: a table or column is missing or a pair of types has no rule; names all of them and the way out.
    """
    ignored = {*ignore_columns, *table.ignore_columns}
    source_table, user_types = source.table(table)
    target_table = read_target_table(target.connection, table)
    return pair(replace(table, ignore_columns=tuple(sorted(ignored))), source_table, user_types, target_table)


def pair(
    ref: TableRef, source: TableMetadata, user_types: Callable[[str], UserType | None], target: TargetTable
) -> TablePlan:
    """Pair the columns of two tables that were read. Raises ConfigError."""
    key_names = [column.name for column in (*source.partition_key, *source.clustering_key)]
    problems = [*_key_problems(ref, key_names, target), *_ignored_problems(ref, key_names, source)]
    plans: dict[str, ColumnPlan] = {}
    for name, column in source.columns.items():
        if name in ref.ignore_columns:
            continue
        try:
            plans[name] = _pair_column(ref, column, user_types, target.columns.get(name))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError(f"{ref.source} and {ref.target} cannot be compared: {'; '.join(problems)}")
    values = [plan for name, plan in plans.items() if name not in key_names]
    cdc = decode_cdc_options((source.extensions or {}).get("cdc", b"\0\0\0\0"))
    return TablePlan(
        ref=ref,
        key=tuple(plans[name] for name in key_names),
        partition_key=tuple(column.name for column in source.partition_key),
        values=tuple(sorted(values, key=lambda plan: plan.name)),
        clustering_reversed=tuple(column.is_reversed for column in source.clustering_key),
        default_ttl_seconds=(source.options or {}).get("default_time_to_live") or 0,
        cdc_enabled=cdc.enabled,
        cdc_ttl_seconds=cdc.ttl_seconds if cdc.enabled else CdcOptions().ttl_seconds,
        ignored_columns=ref.ignore_columns,
        target_only_columns=tuple(sorted(set(target.columns) - set(source.columns))),
        key_may_be_null=not all(target.columns[name].is_not_null for name in key_names),
    )


def _key_problems(ref: TableRef, key_names: list[str], target: TargetTable) -> Iterator[str]:
    if set(key_names) not in target.unique_keys:
        key = ", ".join(f'"{name}"' for name in key_names)
        yield (
            f"no unique index of {ref.target} covers exactly the key ({key}), so rows could not be found one by one; "
            f"run ALTER TABLE {ref.target} ADD PRIMARY KEY ({key})"
        )


def _ignored_problems(ref: TableRef, key_names: list[str], source: TableMetadata) -> Iterator[str]:
    for name in ref.ignore_columns:
        if name in key_names:
            yield f"column {name} is part of the key and cannot be ignored"
        elif name not in source.columns:
            yield f"column {name} is to be ignored but {ref.source} has no such column"


def _pair_column(
    ref: TableRef, column: ColumnMetadata, user_types: Callable[[str], UserType | None], target: TargetColumn | None
) -> ColumnPlan:
    ignore = f"or ignore it with --ignore-columns {column.name}"
    try:
        wanted = postgres_column(column.cql_type, column.name).type
        value_type = resolve(column.cql_type, column.name, user_types)
    except UnsupportedTypeError as error:
        raise ConfigError(f"{error}; ignore it with --ignore-columns {column.name}") from None
    if target is None:
        raise ConfigError(_missing_column(ref, column.name, wanted, ignore))
    rule = rule_for(column.name, value_type, target.base_type)
    if rule is None:
        raise ConfigError(
            f"column {column.name}: there is no rule to compare {column.cql_type} with {target.type}; "
            f"change the column to {wanted}, {ignore}"
        )
    return ColumnPlan(
        column.name, column.cql_type, target.type, rule, target.oid, target.array_oid, bool(column.is_static)
    )


def _missing_column(ref: TableRef, name: str, wanted: str, ignore: str) -> str:
    if len(name.encode()) > _MAX_NAME_BYTES:
        return f"column {name}: PostgreSQL cuts names after {_MAX_NAME_BYTES} bytes; rename the column, {ignore}"
    return (
        f'column {name} is missing in {ref.target}; run ALTER TABLE {ref.target} ADD COLUMN "{name}" {wanted}, {ignore}'
    )
