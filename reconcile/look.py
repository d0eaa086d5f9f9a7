"""One look at some rows on both sides: PostgreSQL first, then ScyllaDB.

In this order the source's state is never older than the target's, so a target that is merely behind never looks like
one that is ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from reconcile.compare import diff_row
from reconcile.model import Difference, Key
from reconcile.schema import TablePlan
from reconcile.target import TargetRow

T = TypeVar("T")

BATCH_ROWS: Final = 500
"""Rows that are read, and repaired, at a time."""


class SourceReader(Protocol):
    """Reads rows of ScyllaDB by key."""

    def read(self, plan: TablePlan, keys: Sequence[Key]) -> Mapping[Key, tuple[Any, ...] | None]:
        """Return the rows; None or nothing where there is none."""
        ...


class TargetReader(Protocol):
    """Reads rows of PostgreSQL by key."""

    def read(self, plan: TablePlan, keys: Sequence[Key], *, with_xmin: bool = False) -> Mapping[Key, TargetRow]:
        """Return the rows that exist."""
        ...


@dataclass(frozen=True)
class Seen:
    """A row as both sides have it."""

    key: Key
    source: tuple[Any, ...] | None
    target: TargetRow | None
    difference: Difference | None
    """None when both sides are equal."""
    looked_at: datetime
    """When both reads had ended."""

    @property
    def xmin(self) -> str | None:
        """Version of the row in PostgreSQL; None when there is no row."""
        return self.target.xmin if self.target else None


def look(
    source: SourceReader,
    target: TargetReader,
    plan: TablePlan,
    keys: Sequence[Key],
    between: Callable[[], None] = lambda: None,
) -> dict[Key, Seen]:
    """Look at up to BATCH_ROWS rows; `between` is called after the first of the two reads."""
    in_target = target.read(plan, keys, with_xmin=True)
    between()
    in_source = source.read(plan, keys)
    looked_at = datetime.now(UTC)
    return {
        key: Seen(
            key,
            in_source.get(key),
            in_target.get(key),
            diff_row(plan, key, in_source.get(key), in_target.get(key)),
            looked_at,
        )
        for key in keys
    }


def batches(items: Iterable[T], size: int = BATCH_ROWS) -> Iterator[list[T]]:
    """Cut a stream into lists."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
