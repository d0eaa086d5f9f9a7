"""The command line that users type, on the tests' stack."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.pipeline import PROJECT, STACK

TIMEOUT_SECONDS = 1200


def cdc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `cdc <arguments> --stack <stack>`; however it ends."""
    command, *rest = arguments
    argv = [f"{sys.prefix}/bin/cdc", command, *rest[:1], "--stack", STACK, *rest[1:]]
    if not rest or rest[0].startswith("-"):
        argv = [f"{sys.prefix}/bin/cdc", command, "--stack", STACK, *rest]
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)


def up() -> None:
    """`cdc up`, which must succeed."""
    done = cdc("up")
    assert done.returncode == 0, done.stdout + done.stderr


def schema_findings(table: str, expected_code: int = 0) -> list[dict[str, str]]:
    """What `cdc schema check` says of a table."""
    done = cdc("schema", "check", "--format", "json")
    assert done.returncode == expected_code, done.stdout + done.stderr
    tables: list[dict[str, Any]] = json.loads(done.stdout)["tables"]
    return list(next(each["findings"] for each in tables if each["source"] == table))


def reconcile(table: str, *arguments: str) -> dict[str, Any]:
    """The summary of a whole comparison of a table; the command may end with any code."""
    done = cdc("reconcile", "--", "run", "--table", table, "--format", "json", *arguments)
    assert done.stdout, done.stderr
    (summary,) = json.loads(done.stdout)["runs"]
    return dict(summary)
