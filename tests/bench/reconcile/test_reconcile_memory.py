"""Peak memory of a full compare does not grow with the table.

RECONCILE_BENCH_ROWS=1000000,3000000 takes tables of these sizes; RECONCILE_BENCH_REPLAYED_ROWS says how many rows of a
recording are gone through.
"""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ops.databases import source_settings, target_settings
from tests.bench.reconcile.replay import FIRST_ROWS, replay
from tests.bench.reconcile.sizes import RECORDED_ROWS, REPLAYED_ROWS, TABLE_SIZES
from tests.support.bulk import BulkTable, drop, load
from tests.support.figures import show
from tests.support.memory import MIB, PeakWatch
from tests.support.pipeline import Pipeline
from tests.support.reconcile_cli import ReconcileCli

pytestmark = [pytest.mark.integration, pytest.mark.bench]

MOST_BYTES = 300 * MIB
FLAT = 1.15
"""The largest table may take this much of what the smallest takes."""
SCHEMA = "reconcile_bench"


class BenchCli(ReconcileCli):
    """On a table that the pipeline does not know."""

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        del settings["pipeline"]
        settings["postgres"]["bookkeeping_schema"] = SCHEMA
        return {**settings, "tables": [{"source": name, "target": name} for name in self.tables]}


def test_memory_of_the_command_does_not_grow_with_the_table(pipeline: Pipeline, tmp_path: Path) -> None:
    peaks, figures = [], {}
    for rows in TABLE_SIZES:
        table = BulkTable("bench.memory", rows)
        cli = BenchCli(pipeline, tmp_path, [table.name])
        with pipeline.scylla() as session, pipeline.postgres() as connection:
            load(session, connection, table)
            try:
                started = time.monotonic()
                process = cli.start("--workers", "2")
                with PeakWatch(process) as watch:
                    ended = cli.wait(process)
                seconds = time.monotonic() - started
            finally:
                drop(session, connection, table)
                connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        assert ended.exit_code == 0, ended.stderr
        assert ended.summary["rows"] == {"source": rows, "target": rows, "matched": rows}
        coordinator = watch.peaks.pop(process.pid)
        peaks.append(max(coordinator, *watch.peaks.values()))
        figures[f"{rows:,} rows"] = (
            f"coordinator {coordinator / MIB:.0f} MiB, largest worker {max(watch.peaks.values()) / MIB:.0f} MiB, "
            f"all at a time {watch.together / MIB:.0f} MiB; {seconds:.0f} s, start to end"
        )
    show("Peak memory of `reconcile run`, 2 workers", figures)
    assert max(peaks) < MOST_BYTES
    assert max(peaks) < FLAT * peaks[0]


def test_memory_does_not_grow_over_millions_of_recorded_rows(pipeline: Pipeline) -> None:
    table = BulkTable("bench.replay", RECORDED_ROWS)
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        load(session, connection, table)
        try:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
                peaks = alone.submit(
                    replay,
                    source_settings(pipeline.outputs),
                    target_settings(pipeline.outputs),
                    table.ref,
                    RECORDED_ROWS,
                    REPLAYED_ROWS,
                ).result()
        finally:
            drop(session, connection, table)
    show(
        f"Peak memory of a worker over {peaks.rows:,} recorded rows",
        {
            "with the recording": f"{peaks.recorded / MIB:.0f} MiB before the first row",
            f"after {min(FIRST_ROWS, peaks.rows):,} rows": f"{peaks.first / MIB:.0f} MiB",
            f"after {peaks.rows:,} rows": f"{peaks.last / MIB:.0f} MiB",
            "after the search for extra rows": f"{peaks.extra / MIB:.0f} MiB, among {peaks.rows:,} keys",
        },
    )
    assert peaks.matched == peaks.rows >= REPLAYED_ROWS
    assert peaks.absent == 0
    assert peaks.extra < MOST_BYTES
    assert peaks.last < FLAT * peaks.first
