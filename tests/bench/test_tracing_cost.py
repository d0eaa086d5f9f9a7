"""What tracing costs: the same burst with OpenTelemetry's agent at the default sampling, and without it, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.support.burst import DEADLINE_SECONDS, count, ends, produced_between, write_burst
from tests.support.connect_rest import resume, stop
from tests.support.databases import empty
from tests.support.figures import show
from tests.support.pipeline import Pipeline
from tests.support.reconfigured import reconfigured
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROWS = 50_000
ROUNDS = 3
"""Of each kind; the workers are started anew for each of them."""
BURSTS = 3
"""In each round; the first one teaches the virtual machine and does not count."""
MOST_COST = 0.05


@dataclass(frozen=True)
class Burst:
    """How long a burst took that had waited in the CDC log."""

    source_seconds: float
    """From its first record to its last one."""
    seconds: float
    """From its first record to its last row in PostgreSQL."""


def burst(pipeline: Pipeline) -> Burst:
    """Write rows while the source stands still, and let it catch up."""
    pipeline.wait_equal(["shop.users"])
    source = pipeline.outputs.connectors["source"]
    stop(pipeline, source)
    empty(pipeline, "shop.users")
    starts = ends(pipeline)
    write_burst(pipeline, [uuid4() for _ in range(ROWS)])
    settled = time.time() + (pipeline.outputs.window_ms + pipeline.outputs.confidence_ms) / 1000
    wait_until("the source may read all of it", lambda: time.time() > settled)
    resume(pipeline, source)
    wait_until("all rows arrive", lambda: count(pipeline) >= ROWS, DEADLINE_SECONDS)
    arrived_ms = time.time() * 1000
    first_ms, last_ms = produced_between(pipeline, starts, ROWS)
    return Burst((last_ms - first_ms) / 1000, (arrived_ms - first_ms) / 1000)


def bursts(pipeline: Pipeline) -> list[Burst]:
    """Those that count."""
    return [burst(pipeline) for _ in range(BURSTS)][1:]


def test_the_cost_of_tracing(pipeline: Pipeline) -> None:
    ratio = pipeline.outputs.trace_sample_ratio
    assert 0 < ratio < 1, "the default is measured"
    found: Mapping[str, list[list[Burst]]] = {"traced": [], "untraced": []}
    for _ in range(ROUNDS):
        found["traced"].append(bursts(pipeline))
        with reconfigured(pipeline, tracing=False):
            assert pipeline.outputs.trace_sample_ratio == 0
            found["untraced"].append(bursts(pipeline))

    costs = [
        statistics.mean(each.seconds for each in traced) / statistics.mean(each.seconds for each in untraced) - 1
        for traced, untraced in zip(found["traced"], found["untraced"], strict=True)
    ]
    cost = statistics.median(costs)
    show(
        f"Tracing {ratio:.0%} of {ROWS:,} inserts, {ROUNDS} rounds of {BURSTS - 1} bursts in turn",
        {
            "traced": in_words([each for group in found["traced"] for each in group]),
            "untraced": in_words([each for group in found["untraced"] for each in group]),
            "cost": f"{cost:+.1%} of the time (median of the rounds; {min(costs):+.1%} to {max(costs):+.1%})",
        },
    )
    assert cost < MOST_COST


def in_words(group: list[Burst]) -> str:
    whole = [each.seconds for each in group]
    source = statistics.median(each.source_seconds for each in group)
    return (
        f"{ROWS / statistics.median(whole):,.0f} rows/s (median; {min(whole):.1f} s to {max(whole):.1f} s), "
        f"source alone {ROWS / source:,.0f} rows/s"
    )
