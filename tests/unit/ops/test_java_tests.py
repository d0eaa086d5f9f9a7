"""The Java parts are found and their results shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops import java_tests
from ops.errors import OpsError
from ops.java_tests import DATABASE_VARIABLE, projects, run_all
from ops.processes import Completed
from tests.unit.ops.ops_fakes import FakeRunner, fake_workspace, ok


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def fake(*_: object) -> Iterator[str]:
        yield "jdbc:postgresql://127.0.0.1:1/postgres"

    monkeypatch.setattr(java_tests, "throwaway_postgres", fake)


def with_projects(root: Path) -> None:
    for name in ("images/kafka-connect/plugin", "testbed/scylla-standin", "testbed/images"):
        (root / name).mkdir(parents=True)
    for name in ("images/kafka-connect/plugin", "testbed/scylla-standin"):
        (root / name / "pom.xml").write_text("<project/>")


def test_every_maven_project_is_tested(tmp_path: Path) -> None:
    with_projects(tmp_path)
    runner = (
        FakeRunner()
        .on("mvn --version", ok())
        .on("verify", ok("[INFO] Tests run: 9, Failures: 0, Errors: 0, Skipped: 0"))
    )
    run_all(fake_workspace(tmp_path, runner))
    assert [path.name for path in projects(tmp_path)] == ["plugin", "scylla-standin"]
    assert sum("verify" in call for call in runner.calls) == 2


def test_only_the_plug_in_is_tested_with_a_database(tmp_path: Path) -> None:
    with_projects(tmp_path)
    runner = FakeRunner().on("mvn --version", ok()).on("verify", ok())
    run_all(fake_workspace(tmp_path, runner))
    urls = {
        call[call.index("--file") + 1].split("/")[-2]: (env or {}).get(DATABASE_VARIABLE)
        for call, env in zip(runner.calls, runner.envs, strict=True)
        if "verify" in call
    }
    assert urls == {"plugin": "jdbc:postgresql://127.0.0.1:1/postgres", "scylla-standin": None}


def test_a_failing_java_test_is_shown(tmp_path: Path) -> None:
    with_projects(tmp_path)
    output = "[INFO] compiling\n[ERROR] FitToJdbcTest.fillsBefore: expected <1>"
    runner = FakeRunner().on("mvn --version", ok()).on("verify", Completed((), 1, output))
    with pytest.raises(OpsError, match=r"FitToJdbcTest\.fillsBefore") as raised:
        run_all(fake_workspace(tmp_path, runner))
    assert "compiling" not in raised.value.message
