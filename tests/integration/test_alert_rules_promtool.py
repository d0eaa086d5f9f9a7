"""Prometheus' own tool accepts our files, and each alert fires and stays silent as tests/rules say."""

from __future__ import annotations

import pytest

from components.observability.prometheus import FILES, rule_files
from testbed.catalog import testbed_image
from tests.support.pipeline import PROJECT, run

pytestmark = pytest.mark.integration


def promtool(*arguments: str) -> str:
    """Run it in the image that the stack runs, with this checkout in place of the container's files."""
    command = ["docker", "run", "--rm", "--network=none", f"--volume={PROJECT}:{PROJECT}:ro", f"--workdir={PROJECT}"]
    return run(*command, "--entrypoint=promtool", testbed_image("prometheus"), *arguments).stdout


def test_the_rules_do_what_their_tests_say() -> None:
    done = promtool("test", "rules", *map(str, sorted((PROJECT / "tests/rules").glob("*.yml"))))

    assert "SUCCESS" in done


def test_the_rules_and_the_configuration_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "rules", *map(str, rule_files()))
    assert "SUCCESS" in promtool("check", "config", "--syntax-only", str(FILES / "prometheus.yml"))
