"""Keys of rows as JSON, for the bookkeeping tables and for logs."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model import Key
from reconcile.schema import TablePlan


def key_to_json(plan: TablePlan, key: Key) -> dict[str, str | None]:
    """Return a canonical key as text by column; a NULL stays None."""
    return {column.name: column.rule.show(value) for column, value in zip(plan.key, key, strict=True)}


def key_from_json(plan: TablePlan, key: Mapping[str, str | None]) -> Key:
    """Return the canonical key that `key_to_json` made. Raises KeyError or ValueError when it is not of the table."""
    return tuple(column.rule.parse(key[column.name]) for column in plan.key)
