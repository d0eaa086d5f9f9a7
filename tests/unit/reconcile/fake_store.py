"""A bookkeeping store without a database: runs as records, queries by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from reconcile.model import Mode, RepairPolicy, State, Strategy
from reconcile.queries import load
from reconcile.records import LogRecord, Phase, RepairRecord, RunRecord, RunState

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

RUN = RunRecord(
    run_id=UUID(int=1),
    table_name="shop.users",
    target_name="public.users",
    mode=Mode.FULL,
    strategy=Strategy.LOOKUP,
    repair_policy=RepairPolicy.NONE,
    dry_run=False,
    window_start=None,
    window_end=None,
    fingerprint="f",
    state=RunState.FINISHED,
    phase=Phase.DONE,
    owner=UUID(int=9),
    host="h",
    process_id=1,
    attempt=1,
    started_at=NOW - timedelta(hours=2),
    heartbeat_at=NOW - timedelta(hours=1),
    ended_at=NOW - timedelta(hours=1),
    running_seconds=3600.0,
    exit_code=0,
    waits_by="offsets",
    lag_seconds=3.0,
    breaker=None,
    notes=(),
    ignored_columns=(),
    verified_from=None,
    verified_through=None,
)


def run_record(**changes: Any) -> RunRecord:
    """A run with an id of its own."""
    return replace(RUN, **{"run_id": uuid4(), **changes})


class FakeStore:
    """Answers what the code under test asks of `Store`."""

    def __init__(self, runs: Sequence[RunRecord] = ()) -> None:
        self.records = list(runs)
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.verified: dict[str, datetime] = {}
        self.open: dict[tuple[str, str, str], int] = {}
        self.found: list[LogRecord] = []
        self.written: list[RepairRecord] = []
        self.migrated = 0
        self.closed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed += 1

    def migrate(self) -> list[str]:
        self.migrated += 1
        return []

    def rows(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[dict[str, Any]]:
        name = next((name for name in self.answers if load(name) == query), query)
        self.asked.append((name, parameters))
        return self.answers.get(name, [])

    def runs(self, table: str | None = None, limit: int = 100) -> list[RunRecord]:
        newest_first = sorted(self.records, key=lambda run: run.started_at, reverse=True)
        return [run for run in newest_first if table in (None, run.table_name)][:limit]

    def run(self, run_id: UUID | str) -> RunRecord:
        return next(run for run in self.records if str(run.run_id) == str(run_id))

    def findings(self, run_id: UUID | str, states: Sequence[State] = tuple(State)) -> list[LogRecord]:
        return [record for record in self.found if str(record.run_id) == str(run_id) and record.state in states]

    def repairs(self, run_id: UUID | str) -> list[RepairRecord]:
        return [record for record in self.written if str(record.run_id) == str(run_id)]

    def open_counts(self) -> dict[tuple[str, str, str], int]:
        return self.open

    def verified_through(self, table: str) -> datetime | None:
        return self.verified.get(table)
