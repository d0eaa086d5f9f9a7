"""Every command has help, errors are for people, and `down` asks."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ops import cli as cli_module
from ops import down as down_module
from ops.project import PROJECT_DIR
from ops.status import Connector, Status
from ops.workspace import Workspace
from tests.unit.ops.ops_fakes import FakeRunner, fake_workspace

Invoke = Callable[..., tuple[int, str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return fake_workspace(tmp_path, FakeRunner())


@pytest.fixture
def invoke(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setattr(cli_module, "Workspace", lambda: workspace)

    def run(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli_module.app, list(args))
        return result.exit_code, result.output

    return run


def test_every_command_has_help() -> None:
    commands = get_command(cli_module.app).commands  # type: ignore[attr-defined] # it is a group
    assert all(command.help for command in commands.values())


def test_every_target_of_the_makefile_calls_a_command_that_exists() -> None:
    makefile = (PROJECT_DIR / "Makefile").read_text()
    commands = get_command(cli_module.app).commands  # type: ignore[attr-defined] # it is a group
    called = {line.split("$(CDC)", 1)[1].split()[0].rstrip(')"') for line in makefile.splitlines() if "$(CDC)" in line}
    assert called <= set(commands)
    assert {"up", "preview", "down", "status", "demo", "smoke", "env"} <= called


def test_down_without_a_terminal_wants_force(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[str] = []
    monkeypatch.setattr(down_module, "down", lambda _workspace, stack: deleted.append(stack))
    code, output = invoke("down", "--stack", "dev")
    assert (code, deleted) == (1, [])
    assert "FORCE=1" in output
    assert invoke("down", "--stack", "dev", "--force")[0] == 0
    assert deleted == ["dev"]


def test_a_command_without_any_stack_says_to_name_one(invoke: Invoke) -> None:
    code, output = invoke("status")
    assert code == 1
    assert "STACK=dev" in output
    assert "Traceback" not in output


def test_status_fails_when_something_is_wrong(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "outputs", lambda _: None)
    monkeypatch.setattr(workspace, "vault_token", lambda _: "token")
    for broken in (False, True):
        connector = Connector("postgres-sink", "FAILED" if broken else "RUNNING", (), ok=not broken)
        found = Status("dev", (), (connector,))
        monkeypatch.setattr(cli_module, "whole_status", lambda *_, found=found: found)
        code, output = invoke("status", "--stack", "dev", "--format", "json")
        assert code == int(broken)
        assert json.loads(output)["ok"] is not broken


def test_env_prints_lines_that_a_shell_can_read(invoke: Invoke, tmp_path: Path) -> None:
    code, output = invoke("env")
    assert code == 0
    lines = output.splitlines()
    assert f"export PULUMI_BACKEND_URL=file://{tmp_path}/.state" in lines
    assert all(line.startswith("export ") for line in lines)
    assert (tmp_path / ".state" / "passphrase").read_text() not in output


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr("os.execvp", lambda _file, argv: calls.append(argv))
    return calls


def stack_with(monkeypatch: pytest.MonkeyPatch, workspace: Workspace, containers: dict[str, str]) -> None:
    outputs = SimpleNamespace(containers=containers)
    monkeypatch.setattr(workspace, "outputs", lambda _: outputs)


def test_reconcile_runs_in_the_jobs_container_with_all_its_own_options(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, executed: list[list[str]]
) -> None:
    stack_with(monkeypatch, workspace, {"reconcile": "p-reconcile"})

    assert invoke("reconcile", "--stack", "dev", "--", "run", "--table", "shop.users", "--help")[0] == 0
    assert invoke("reconcile", "--stack", "dev")[0] == 0

    base = ["docker", "exec", "--interactive", "p-reconcile", "reconcile"]
    assert executed == [[*base, "run", "--table", "shop.users", "--help"], [*base, "status"]]


def test_reconcile_without_a_job_says_what_to_do(
    invoke: Invoke, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, executed: list[list[str]]
) -> None:
    stack_with(monkeypatch, workspace, {"kafka-1": "p-kafka-1"})

    code, output = invoke("reconcile", "--stack", "dev", "--", "status")

    assert (code, executed) == (2, [])
    assert "reconcileEnabled" in output
