"""The environment in which the Pulumi CLI runs, and what is asked of it."""

import stat
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.pulumi_cli import StackSummary, ensure_passphrase, pulumi_environment
from ops.tools import Tools
from tests.unit.ops.ops_fakes import TOOLS, FakeRunner, failed, fake_cli, ok

BIN = Path("/venv/bin")


def test_the_passphrase_is_random_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = ensure_passphrase(tmp_path)
    passphrase = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(passphrase) >= 32
    assert ensure_passphrase(tmp_path).read_text() == passphrase
    assert ensure_passphrase(tmp_path / "other").read_text() != passphrase
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["passphrase"]


def test_backend_and_passphrase_are_local_unless_the_environment_names_others(tmp_path: Path) -> None:
    local = pulumi_environment(TOOLS, tmp_path, BIN, {"PATH": "/bin"})
    assert local["PULUMI_BACKEND_URL"] == f"file://{tmp_path}"
    assert local["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(tmp_path / "passphrase")
    own = {"PATH": "/bin", "PULUMI_BACKEND_URL": "s3://bucket", "PULUMI_CONFIG_PASSPHRASE": ""}
    named = pulumi_environment(TOOLS, tmp_path, BIN, own)
    assert "PULUMI_BACKEND_URL" not in named
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in named


def test_an_existing_passphrase_file_is_left_in_charge(tmp_path: Path) -> None:
    named = pulumi_environment(TOOLS, tmp_path, BIN, {"PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"})
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in named
    assert not (tmp_path / "passphrase").exists()


def test_the_venv_comes_first_on_path_and_then_the_cli(tmp_path: Path) -> None:
    assert pulumi_environment(TOOLS, tmp_path, BIN, {"PATH": "/bin"})["PATH"] == "/venv/bin:/opt/pulumi/bin:/bin"


def test_only_built_tools_forbid_the_download_of_plugins(tmp_path: Path) -> None:
    built = Tools("/cache/bin/pulumi", "/cache/home", built=True)
    env = pulumi_environment(built, tmp_path, BIN, {"PATH": "/bin"})
    assert env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert env["PULUMI_HOME"] == "/cache/home"
    downloaded = pulumi_environment(TOOLS, tmp_path, BIN, {"PATH": "/bin"})
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in downloaded
    assert "PULUMI_HOME" not in downloaded


def test_a_secret_goes_in_by_standard_input_and_never_as_an_argument() -> None:
    runner = FakeRunner().on("config set", ok())
    fake_cli(runner).set_secret("vaultToken", "hush")
    assert runner.inputs == ["hush"]
    assert not runner.ran("hush")


def test_a_stack_is_found_in_the_list_whatever_its_organization() -> None:
    runner = FakeRunner().on("stack ls", ok('[{"name": "organization/x/dev", "resourceCount": 7}, {"name": "prod"}]'))
    assert fake_cli(runner, "dev").summary() == StackSummary("dev", 7)
    assert fake_cli(runner, "prod").summary() == StackSummary("prod", 0)
    assert fake_cli(runner, "testbed").summary() is None


def test_outputs_of_an_unknown_stack_say_how_to_make_it() -> None:
    runner = FakeRunner().on("stack output", failed("error: no stack named 'dev' found"))
    with pytest.raises(OpsError, match="make up STACK=dev"):
        fake_cli(runner).outputs()


def test_an_error_of_the_backend_names_backend_and_passphrase() -> None:
    runner = FakeRunner().on("stack output", failed("error: incorrect passphrase"))
    with pytest.raises(OpsError, match=r"(?s)incorrect passphrase.*file:///nowhere"):
        fake_cli(runner).outputs()
