"""Fixtures shared by integration, chaos and benchmarks."""

from __future__ import annotations

import pytest

from tests.support.pipeline import Pipeline, bring_up, write_stack_file


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """The testbed as stack `ci`, brought up by the command that users type."""
    write_stack_file()
    bring_up()
    return Pipeline()
