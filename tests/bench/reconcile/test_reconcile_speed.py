"""Rows per second of a full compare, next to the bare reads of both sides and a naive script, all in one run.

RECONCILE_BENCH_ROWS sets the size of the table. Of several sizes, as in 1000000,3000000, the first counts here.
Each figure is the best of ROUNDS that take turns. "Per core" counts the time that this process had a CPU, so that
other work on the machine, the databases' too, shows in the wall clock only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from reconcile.full import scan_unit
from reconcile.model import ScanOptions, Unit
from reconcile.schema import TablePlan, plan_table
from reconcile.source import SourceClient
from reconcile.source_protocol import RawProtocolHandler
from reconcile.target import TargetClient
from reconcile.tokens import plan_units, unit_count
from tests.bench.reconcile.recorded import RecordedSource, RecordedTarget, Recording, record
from tests.bench.reconcile.rivals import bare_copy, bare_scan, naive_compare
from tests.bench.reconcile.sizes import RECORDED_ROWS, TABLE_SIZES
from tests.support.bulk import BulkTable, drop, load
from tests.support.databases import both_clients
from tests.support.figures import show
from tests.support.pipeline import Pipeline

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROUNDS = 3
OPTIONS = ScanOptions()


@dataclass
class Measured:
    """The best of some rounds."""

    rows: int
    wall_seconds: float = float("inf")
    cpu_seconds: float = float("inf")

    def round(self, work: Callable[[], int]) -> None:
        """Do the work once more; it returns how many rows it dealt with."""
        wall, cpu = time.perf_counter(), time.process_time()
        rows = work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert rows == self.rows
        self.wall_seconds = min(self.wall_seconds, wall)
        self.cpu_seconds = min(self.cpu_seconds, cpu)

    def __str__(self) -> str:
        wall, core = self.rows / self.wall_seconds, self.rows / self.cpu_seconds
        return f"{wall:>11,.0f} rows/s {core:>11,.0f} rows/s per core"


@dataclass
class Bench:
    """A table that is equal on both sides, and how it is read."""

    table: BulkTable
    source: SourceClient
    target: TargetClient
    plan: TablePlan
    units: list[Unit]

    def compare(self) -> int:
        """Do all units in this process; return the rows that matched."""
        results = [scan_unit(self.source, self.target, self.plan, unit, OPTIONS) for unit in self.units]
        assert not any(result.candidates for result in results)
        return sum(result.counts.matched_rows for result in results)

    def scan(self) -> int:
        """Only the reading of the source; return the rows."""
        return sum(
            len(batch)
            for unit in self.units
            for batch in self.source.scan(self.plan, unit.low, unit.high, OPTIONS.page_rows)
        )


@pytest.fixture
def bench(pipeline: Pipeline) -> Iterator[Bench]:
    table = BulkTable("bench.speed", TABLE_SIZES[0])
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        load(session, connection, table)
        try:
            with both_clients(pipeline) as (source, target):
                plan = plan_table(source, target, table.ref)
                units = plan_units(unit_count(source.estimated_bytes(table.ref), 1))
                yield Bench(table, source, target, plan, units)
        finally:
            drop(session, connection, table)


def compare_recorded(recording: Recording, plan: TablePlan) -> int:
    """Work through a recording; return the rows that matched."""
    source, target = RecordedSource(recording), RecordedTarget(recording, plan)
    results = [scan_unit(source, target, plan, unit, OPTIONS) for unit in recording.units]
    assert not any(result.candidates for result in results)
    return sum(result.counts.matched_rows for result in results)


def decode_recorded(recording: Recording) -> int:
    """Only the driver's part of it; return the rows."""
    return sum(
        len(RawProtocolHandler.decode_message(*message).parsed_rows)
        for messages in recording.messages.values()
        for message in messages
    )


def test_full_compare_of_eight_scalar_columns(bench: Bench, pipeline: Pipeline) -> None:
    rows, recording = bench.table.rows, record(bench.source, bench.target, bench.plan, bench.units, RECORDED_ROWS)
    compared, scanned, copied, naive, read = (Measured(rows) for _ in range(5))
    replayed, decoded = Measured(recording.rows), Measured(recording.rows)

    def naively() -> int:
        matched, unequal = naive_compare(session, connection, bench.table, OPTIONS.fetch_rows)
        assert not unequal
        return matched

    with pipeline.scylla() as session, pipeline.postgres() as connection:
        for _ in range(ROUNDS):
            scanned.round(lambda: bare_scan(session, bench.table, bench.units, OPTIONS.fetch_rows))
            compared.round(bench.compare)
            read.round(bench.scan)
            copied.round(lambda: bare_copy(connection, bench.table))
            naive.round(naively)
            replayed.round(lambda: compare_recorded(recording, bench.plan))
            decoded.round(lambda: decode_recorded(recording))

    share = scanned.wall_seconds / compared.wall_seconds
    show(
        f"Full compare of {rows:,} rows, 8 scalar columns, one process, best of {ROUNDS}",
        {
            "compare, both databases": f"{compared}; {share:.0%} of the driver's bare scan by the wall clock",
            "driver's bare scan": f"{scanned}",
            "our scan, not compared": f"{read}",
            "PostgreSQL's bare COPY": f"{copied}",
            "naive script": f"{naive}",
            f"compare, {recording.rows:,} rows recorded": f"{replayed}",
            "of which the driver decodes": f"{decoded}",
        },
    )
