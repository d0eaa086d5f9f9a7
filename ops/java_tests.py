"""Run the tests of the Java parts: our Connect plug-in and the testbed's stand-ins."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ops.engine import install_packages
from ops.errors import OpsError
from ops.processes import is_root
from ops.progress import Step
from ops.throwaway_postgres import throwaway_postgres
from ops.workspace import Workspace

_WITH_DATABASE: Final = "images/kafka-connect/plugin"
DATABASE_VARIABLE: Final = "CDC_TEST_JDBC_URL"
"""Where the plug-in's tests find a PostgreSQL superuser."""
_PROJECTS: Final = (_WITH_DATABASE, "testbed/*")
_COUNT: Final = re.compile(r"Tests run: (\d+), Failures: \d+, Errors: \d+, Skipped: \d+$")
_ERROR_LINES: Final = 40


def run_all(workspace: Workspace) -> None:
    """Test every Maven project of the repository.

    Raises:
        OpsError: A test failed, or Maven is missing and cannot be installed.
    """
    with workspace.progress.step("maven") as step:
        _ensure_maven(workspace, step)
    for project in projects(workspace.project_dir):
        name = str(project.relative_to(workspace.project_dir))
        with workspace.progress.step(f"mvn verify in {name}") as step:
            if name == _WITH_DATABASE:
                with throwaway_postgres(workspace.runner, step) as url:
                    _verify(workspace, project, step, os.environ | {DATABASE_VARIABLE: url})
            else:
                _verify(workspace, project, step)


def projects(root: Path) -> list[Path]:
    """Return the directories that have a pom.xml."""
    return sorted(pom.parent for pattern in _PROJECTS for pom in root.glob(f"{pattern}/pom.xml"))


def _ensure_maven(workspace: Workspace, step: Step) -> None:
    if workspace.runner.run(["mvn", "--version"]).ok:
        return
    if not (is_root() and Path("/etc/debian_version").exists()):
        raise OpsError("Maven and a JDK 17 are needed for the Java tests.", "Install them and run this again.")
    install_packages(workspace.runner, ["maven", "openjdk-17-jdk-headless"], step)


def _verify(workspace: Workspace, project: Path, step: Step, env: Mapping[str, str] | None = None) -> None:
    tests = 0
    errors: list[str] = []

    def on_line(line: str) -> None:
        nonlocal tests
        step.note(line.removeprefix("[INFO] ")[:100])
        found = _COUNT.search(line)
        tests = int(found[1]) if found else tests
        if line.startswith("[ERROR]"):
            errors.append(line)

    argv = ["mvn", "--batch-mode", "--no-transfer-progress", "--file", str(project / "pom.xml"), "verify"]
    if not workspace.runner.stream(argv, on_line, env=env).ok:
        raise OpsError("\n".join(["Java tests failed:", *errors[:_ERROR_LINES]]))
    step.done(f"{tests} tests passed" if tests else "no tests")
