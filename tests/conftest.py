"""Fixtures shared by integration, chaos and benchmarks."""

from __future__ import annotations

import sys

import pytest

from tests.support.pipeline import PROJECT, STACK, UP_TIMEOUT_SECONDS, Pipeline, run, write_stack_file


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """The testbed as stack `ci`, brought up by the command that users type."""
    write_stack_file()
    run(f"{sys.prefix}/bin/cdc", "up", "--stack", STACK, timeout_seconds=UP_TIMEOUT_SECONDS)
    assert (PROJECT / f"Pulumi.{STACK}.yaml").exists()
    return Pipeline()
