"""A burst through the whole pipeline, next to each stage alone in the same run."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from psycopg import sql

from tests.support.burst import DEADLINE_SECONDS, count, ends, produced_between, write_burst
from tests.support.connect_rest import forget_offsets, resume, stop
from tests.support.figures import show
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROWS = 50_000


def sink_alone(pipeline: Pipeline, rows: int) -> float:
    """Seconds that the sink needs for the same records, from its first row to its last."""
    name = pipeline.outputs.connectors["sink"]
    stop(pipeline, name)
    with pipeline.postgres() as connection:
        connection.execute(sql.SQL("TRUNCATE public.users"))
    forget_offsets(pipeline, name)
    resume(pipeline, name)
    wait_until("the first rows arrive", lambda: count(pipeline) > 0)
    first, start = count(pipeline), time.monotonic()
    wait_until("all rows arrive", lambda: count(pipeline) >= rows, DEADLINE_SECONDS)
    seconds = time.monotonic() - start
    return seconds * rows / max(1, rows - first)


def test_throughput_of_a_burst(pipeline: Pipeline) -> None:
    pipeline.wait_equal()
    before, starts = count(pipeline), ends(pipeline)
    keys = [uuid4() for _ in range(ROWS)]
    start = time.monotonic()

    write_seconds = write_burst(pipeline, keys)
    wait_until("all rows arrive", lambda: count(pipeline) >= before + ROWS, DEADLINE_SECONDS)
    total_seconds = time.monotonic() - start
    first_ms, last_ms = produced_between(pipeline, starts, ROWS)
    source_seconds = (last_ms - first_ms) / 1000
    sink_seconds = sink_alone(pipeline, before + ROWS)

    pipeline.wait_equal(["shop.users"])
    windows = pipeline.outputs
    show(
        f"Throughput of {ROWS:,} inserts",
        {
            "end to end": f"{ROWS / total_seconds:,.0f} rows/s ({total_seconds:.1f} s from first write to last row)",
            "driver writing, alone": f"{ROWS / write_seconds:,.0f} rows/s",
            "source connector": f"{ROWS / source_seconds:,.0f} rows/s (first to last record)",
            "sink connector, alone": f"{(before + ROWS) / sink_seconds:,.0f} rows/s",
            "configured windows": f"{windows.window_ms} ms + {windows.confidence_ms} ms",
        },
    )
