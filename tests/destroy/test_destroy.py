"""The end of the stack: nothing of ours stays on the engine. Runs last."""

from __future__ import annotations

import sys

import pytest

from tests.support.pipeline import STACK, Pipeline, run

pytestmark = pytest.mark.integration


def leftovers() -> list[str]:
    """Containers, networks and volumes with the stack's name."""
    name_of_stack = f"scylla-pg-cdc-{STACK}"
    found = []
    for kind, template in (("container", "{{.Names}}"), ("network", "{{.Name}}"), ("volume", "{{.Name}}")):
        everything = ["--all"] if kind == "container" else []
        names = run("docker", kind, "ls", *everything, "--format", template).stdout.split()
        found += [f"{kind} {name}" for name in names if f"{name}-".startswith(f"{name_of_stack}-")]
    return found


def test_down_leaves_nothing(pipeline: Pipeline) -> None:
    assert pipeline.outputs.containers
    assert leftovers()

    run(f"{sys.prefix}/bin/cdc", "down", "--stack", STACK, "--force", timeout_seconds=600)

    assert leftovers() == []
