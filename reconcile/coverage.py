"""Since when an incremental run has to look, so that no change falls between two runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from reconcile.model import Mode, TableRef
from reconcile.records import RunRecord, RunState
from reconcile.store import Store

OVERLAP: Final = timedelta(minutes=10)
"""Changes at the edge of a window are looked at twice rather than not at all: clocks differ, and writes take time."""


def covered_through(store: Store, table: TableRef) -> datetime | None:
    """Return up to when changes have been looked at by runs that compared everything; None when there was none.

    Whether they found differences does not matter: those are on record.
    """
    runs = [run for run in store.runs(table.source) if _counts(run, table.ignore_columns)]
    return max((_end(run) for run in runs), default=None)


def _counts(run: RunRecord, ignore_columns: Collection[str]) -> bool:
    return run.state is RunState.FINISHED and set(run.ignored_columns) <= set(ignore_columns)


def _end(run: RunRecord) -> datetime:
    if run.mode is Mode.INCREMENTAL and run.window_end is not None:
        return run.window_end
    return run.started_at


def since(store: Store, table: TableRef, least: timedelta, now: datetime) -> datetime | None:
    """Return where an incremental run begins: where the last complete one ended, and at least `least` ago.

    None when there was no complete run yet, so that only a full one covers everything.
    """
    covered = covered_through(store, table)
    return None if covered is None else min(covered - OVERLAP, now - least)
