"""How many rows the benchmarks of reconcile take; the environment may say otherwise."""

from __future__ import annotations

import os

TABLE_SIZES = [int(size) for size in os.environ.get("RECONCILE_BENCH_ROWS", "200000").split(",")]
"""Rows of the tables in both databases."""
RECORDED_ROWS = 100_000
"""Rows after which a recording ends."""
REPLAYED_ROWS = int(os.environ.get("RECONCILE_BENCH_REPLAYED_ROWS", "10000000"))
"""Rows that are compared from a recording, gone through again and again, while memory is watched."""
