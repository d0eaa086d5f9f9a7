"""The search for rows that only PostgreSQL has, after a full scan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from reconcile.control import Control
from reconcile.journal import Journal
from reconcile.look import Seen, batches
from reconcile.model import Difference, Key, Kind, Unit, UnitCounts, UnitKind, UnitResult
from reconcile.records import Phase
from reconcile.scan import TooManyCandidatesError, new_candidates
from reconcile.schema import TablePlan
from reconcile.tokens import token_of

EXTRA_UNIT = Unit(0, UnitKind.EXTRA)


def search_extra(
    journal: Journal,
    plan: TablePlan,
    keys: Iterable[Sequence[Key]],
    look: Callable[[Sequence[Key]], Mapping[Key, Seen]],
    control: Control,
    progress: Callable[[], None],
    max_candidates: int,
) -> None:
    """Look at the keys of PostgreSQL that no unit saw, and record those that differ, as one unit.

    Keys in ranges that could not be scanned are left out: nobody saw their rows in ScyllaDB, so they say nothing.

    Raises:
        TooManyCandidatesError: more than `max_candidates` differ; that many are recorded.
    """
    began = time.monotonic()
    unread = [(unit.low, unit.high) for unit, _ in journal.failed_units()]
    found: list[Difference] = []
    rows_of_target = matched = 0
    for batch in batches(key for some in keys for key in some if not _lies_in(plan, key, unread)):
        control.check()
        progress()
        seen = look([key for key in batch if None not in key])
        found += [row.difference for row in seen.values() if row.difference]
        found += [Difference(key, Kind.INVALID_KEY) for key in batch if None in key]
        matched += sum(row.difference is None and row.target is not None for row in seen.values())
        rows_of_target += sum(row.target is not None for row in seen.values())
        if len(found) > max_candidates:
            break
    counts = UnitCounts(0, rows_of_target, matched, 0, time.monotonic() - began)
    journal.commit_unit(UnitResult(EXTRA_UNIT, counts), new_candidates(plan, found), Phase.EXTRA)
    if len(found) > max_candidates:
        raise TooManyCandidatesError(
            f"more than {max_candidates} rows of {plan.ref.target} have no partner (--max-candidates), so the search "
            "stops here"
        )


def _lies_in(plan: TablePlan, key: Key, ranges: Sequence[tuple[int, int]]) -> bool:
    if not ranges or None in key:
        return False
    parts = [column.rule.to_cql(value) or b"" for column, value in zip(plan.key, key, strict=True)][
        : len(plan.partition_key)
    ]
    token = token_of(parts)
    return any(low < token <= high for low, high in ranges)
