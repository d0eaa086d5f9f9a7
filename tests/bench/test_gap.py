"""How long PostgreSQL stands still when the Connect worker is killed."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest
from psycopg import sql

from ops.demo_rows import INSERT_USER, new_id, user_row
from tests.support.figures import show
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.bench]

PAUSE_SECONDS = 0.05
WATCH_SECONDS = 20


def test_longest_gap_after_the_worker_is_killed(pipeline: Pipeline) -> None:
    arrivals: list[float] = []
    stop = threading.Event()
    written = 0

    def watch() -> None:
        seen = 0
        with pipeline.postgres() as connection:
            while not stop.wait(PAUSE_SECONDS):
                row = connection.execute(sql.SQL("SELECT count(*) FROM public.users")).fetchone()
                assert row
                if row[0] > seen:
                    seen = int(row[0])
                    arrivals.append(time.monotonic())

    def write() -> None:
        nonlocal written
        with pipeline.scylla() as session:
            while not stop.wait(PAUSE_SECONDS):
                session.execute(INSERT_USER, user_row(new_id(), written))
                written += 1

    threads = [threading.Thread(target=work, daemon=True) for work in (watch, write)]
    for thread in threads:
        thread.start()
    try:
        wait_until("rows flow", lambda: len(arrivals) > 20)
        killed = time.monotonic()
        pipeline.crash("connect-1")
        wait_until("rows flow again", lambda: bool(arrivals) and arrivals[-1] > killed + WATCH_SECONDS, 180)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    pipeline.wait_equal()

    after = [moment for moment in arrivals if moment > killed - 1]
    gap = max(later - earlier for earlier, later in pairwise(after))
    show("kill -9 of the Connect worker", {"longest gap in PostgreSQL": f"{gap:.1f} s", "rows written": str(written)})
