"""Made-up runs for the tests of the command line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from reconcile.errors import ExitCode
from reconcile.model import Cause, ColumnDifference, Difference, Finding, Kind, Mode, State
from reconcile.request import Connections, Events, Progress, RunRequest, RunSummary

START = datetime(2025, 12, 8, 2, 0, tzinfo=UTC)

SUMMARY = RunSummary(
    run_id="4f1c",
    table="shop.users",
    mode=Mode.FULL,
    since=None,
    until=None,
    started_at=START,
    ended_at=START + timedelta(seconds=90),
    units={"total": 4, "done": 4, "failed": 0},
    rows={"source": 900, "target": 901, "matched": 899},
    found={"missing": 1, "extra": 2},
    open={"missing": 1, "extra": 2},
    by_column={"email": 3},
    by_cause={"unknown": 3},
    repairs={"applied": 0},
    exit_code=ExitCode.DIFFERENCES,
    next_steps=("reconcile show 4f1c",),
)
FINDING = Finding(
    table="shop.users",
    run_id="4f1c",
    difference=Difference(("k",), Kind.MISMATCH, ("email",), b"\x01", b"\x02"),
    key={"id": "k"},
    cause=Cause.STALE_UPDATE,
    state=State.OPEN,
    columns=(ColumnDifference("email", "new@example.com", None, "text", 1_700_000_000_000_000),),
    first_seen=START,
    confirmed_at=START,
    checks=3,
)
PROGRESS = Progress("shop.users", "4f1c", "scan", 400, 100, 0, 0.25, 12_345_678, 118_000, 31, 4, 0, 3.0)

CONFIG: dict[str, Any] = {
    "scylla": {"contact_points": ["scylla:9042"]},
    "postgres": {"host": "postgres"},
    "tables": [
        {"source": "shop.users", "target": "public.users", "ignore_columns": ["seen"]},
        {"source": "shop.orders", "target": "public.orders"},
    ],
}


def config_file(folder: Path, **sections: Any) -> Path:
    """A configuration of two tables."""
    path = folder / "reconcile.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **sections}))
    return path


class FakeRuns:
    """Takes the place of `reconcile_table`: remembers requests, plays events, ends as told."""

    def __init__(self) -> None:
        self.requests: list[RunRequest] = []
        self.connections: list[Connections] = []
        self.endings: dict[str, ExitCode | BaseException] = {}
        self.findings: list[Finding] = []

    def __call__(self, request: RunRequest, connections: Connections, events: Events) -> RunSummary:
        self.requests.append(request)
        self.connections.append(connections)
        for finding in self.findings:
            events.finding(replace(finding, table=request.table.source))
        ending = self.endings.get(request.table.source, ExitCode.CLEAN)
        if isinstance(ending, BaseException):
            raise ending
        return replace(SUMMARY, table=request.table.source, mode=request.mode, exit_code=ending)
