"""The command line that users type, on the tests' stack."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.pipeline import PROJECT, STACK

TIMEOUT_SECONDS = 1200


def cdc(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `cdc <command> --stack <stack> <arguments>`; however it ends."""
    argv = [f"{sys.prefix}/bin/cdc", *command.split(), "--stack", STACK, *arguments]
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)


def schema_findings(table: str, expected_code: int = 0, assume: str = "") -> list[dict[str, str]]:
    """What `cdc schema check` says of a table; with `assume`, as if its column were as in `column=type`."""
    assumed = ["--assume", f"{table}.{assume}"] if assume else []
    done = cdc("schema check", "--format", "json", *assumed)
    assert done.returncode == expected_code, done.stdout + done.stderr
    tables: list[dict[str, Any]] = json.loads(done.stdout)["tables"]
    return list(next(each["findings"] for each in tables if each["source"] == table))


def reconcile(table: str, *arguments: str) -> dict[str, Any]:
    """The summary of a whole comparison of a table; the command may end with any code."""
    done = cdc("reconcile", "--", "run", "--table", table, "--format", "json", *arguments)
    assert done.stdout, done.stderr
    (summary,) = json.loads(done.stdout)["runs"]
    return dict(summary)
