"""From a CQL write to PostgreSQL, one row at a time."""

from __future__ import annotations

import pytest

from ops.progress import Progress
from ops.smoke import run_smoke
from tests.support.figures import show
from tests.support.pipeline import Pipeline

pytestmark = [pytest.mark.integration, pytest.mark.bench]

ROWS = 200


def test_latency_of_single_changes(pipeline: Pipeline) -> None:
    with Progress().step("latency") as step:
        result = run_smoke(pipeline.outputs, ROWS, step)

    show("Latency", dict(result.figures()))
