"""Fixtures shared by integration, chaos and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator

# Its pytest plugin would import it after the tests of Pulumi programs, whose leftovers trip CPython 3.11 when a
# collection runs while modules are parsed.
import hypothesis
import pytest

from tests.support.pipeline import Pipeline, bring_up, claim_stack, write_stack_file

# The same examples in each run, however slow the machine; `--hypothesis-profile default` looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def pipeline() -> Iterator[Pipeline]:
    """The testbed as stack `ci`, brought up by the command that users type."""
    write_stack_file()
    with claim_stack():
        bring_up()
        yield Pipeline()
