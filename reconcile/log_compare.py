"""Compares the rows that the CDC log names, batch by batch, each as it is now."""

from __future__ import annotations

from itertools import chain
from time import monotonic
from typing import Final

from reconcile.compare import compare_rows
from reconcile.errors import ReconcileError
from reconcile.model import Difference, Key, KeySpan, ScanOptions, Unit, UnitCounts, UnitResult
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from reconcile.target import TargetClient

MOST_REMEMBERED: Final = 200_000
"""Keys and spans that are not compared a second time; it bounds memory, not what is compared."""
MOST_CANDIDATES: Final = 100_000
"""Of one unit; it bounds what a worker holds and sends."""


class TooManyDifferencesError(ReconcileError):
    """A unit found more differences than it can hold."""


class LogComparison:
    """Takes keys and spans as the log names them, and compares each row once."""

    def __init__(self, source: SourceClient, target: TargetClient, plan: TablePlan, options: ScanOptions) -> None:
        self._source = source
        self._target = target
        self._plan = plan
        self._batch_rows = options.page_rows
        self._began = monotonic()
        self._seen: set[Key | KeySpan] = set()
        self._batch: list[Key] = []
        self._counts = UnitCounts()
        self._candidates: dict[Key, Difference] = {}

    def add(self, rows: Key | KeySpan) -> None:
        """Compare a row or the rows of a span; the rows that a side has now are those that can differ."""
        if rows in self._seen:
            return
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        if isinstance(rows, KeySpan):
            # Not when its partition is compared as a whole.
            if KeySpan(rows.partition) not in self._seen:
                self._add_span(rows)
            self._seen.add(rows)
            return
        self._seen.add(rows)
        self._batch.append(rows)
        if len(self._batch) >= self._batch_rows:
            self._compare()

    def end_of_stream(self) -> None:
        """Forget what was seen: the changes of a row are in one stream."""
        self._seen.clear()

    def result(self, unit: Unit) -> UnitResult:
        """Compare what is left, and return what the unit found."""
        self._compare()
        counts = self._counts + UnitCounts(seconds=monotonic() - self._began)
        return UnitResult(unit, counts, tuple(self._candidates.values()))

    def _add_span(self, span: KeySpan) -> None:
        for key in chain(self._target.read_span(self._plan, span), self._source.read_span(self._plan, span)):
            self.add(key)

    def _compare(self) -> None:
        keys, self._batch = self._batch, []
        if not keys:
            return
        target = self._target.read(self._plan, keys)
        source = self._source.read(self._plan, keys)
        for difference in compare_rows(self._plan, source, target):
            self._candidates[difference.key] = difference
        present = {key for key, row in source.items() if row is not None}
        self._counts += UnitCounts(len(present), len(target), len(present & target.keys()))
        if len(self._candidates) > MOST_CANDIDATES:
            raise TooManyDifferencesError(
                f"{self._plan.ref.source}: more than {MOST_CANDIDATES:,} of the rows that changed within some minutes "
                "differ; the pipeline is down or far behind, or a partition of this size was deleted: "
                "see that it works, then compare everything: --mode full"
            )
