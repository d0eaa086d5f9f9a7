"""A preview needs no state, no secrets and no service, and leaves the tracked files alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from ops.errors import OpsError
from ops.preview import preview, without_secrets
from ops.processes import Completed
from ops.stack_secrets import SECRET_KEYS
from tests.unit.ops.ops_fakes import FakeRunner, fake_workspace, ok

TRACKED = "config:\n  scylla-pg-cdc:windowSizeMs: 5000\n"


def test_tracked_secrets_and_their_salt_are_left_out_and_the_rest_is_kept() -> None:
    tracked = {"encryptionsalt": "v1:mine", "config": {"scylla-pg-cdc:vaultToken": {"secure": "x"}, "a": 1}}
    made = without_secrets(tracked, {"encryptionsalt": "v1:new"})
    assert made == {"encryptionsalt": "v1:new", "config": {"a": 1}}


def test_a_clean_clone_is_previewed_in_a_throw_away_backend(tmp_path: Path) -> None:
    runner = FakeRunner()
    workspace = fake_workspace(tmp_path, runner)
    tracked = tmp_path / "Pulumi.prod.yaml"
    tracked.write_text(TRACKED)
    seen: dict[str, object] = {}

    def run_preview(argv: Sequence[str], _input: str | None) -> Completed:
        seen.update(yaml.safe_load(Path(argv[argv.index("--config-file") + 1]).read_text())["config"])
        return ok("Resources:\n    + 80 to create")

    runner.on("preview --config-file", run_preview).on("stack init prod", ok()).on("config set-all", ok())
    shown: list[str] = []
    assert preview(workspace, "prod", ("--diff",), shown.append) == 0
    assert seen["scylla-pg-cdc:windowSizeMs"] == 5000
    assert all(runner.ran(f"--secret scylla-pg-cdc:{key}=preview-only") for key in SECRET_KEYS)
    assert "    + 80 to create" in shown
    assert runner.ran("--diff")
    assert tracked.read_text() == TRACKED
    env = runner.envs[-1]
    assert env is not None
    assert env["PULUMI_BACKEND_URL"].startswith("file:///tmp/cdc-preview-")
    assert env["PULUMI_CONFIG_PASSPHRASE"] == "preview"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in env
    assert not Path(env["PULUMI_BACKEND_URL"].removeprefix("file://")).exists()


def test_a_stack_that_is_up_is_previewed_against_its_own_state(tmp_path: Path) -> None:
    runner = FakeRunner()
    workspace = fake_workspace(tmp_path, runner)
    secrets = "".join(f"  scylla-pg-cdc:{key}:\n    secure: v1:x\n" for key in SECRET_KEYS)
    (tmp_path / "Pulumi.dev.yaml").write_text(TRACKED + secrets)
    runner.on("preview --stack", Completed((), 3)).on("stack ls", ok('[{"name": "dev", "resourceCount": 80}]'))
    assert preview(workspace, "dev", (), print) == 3
    assert not runner.ran("--config-file")
    assert not runner.ran("stack init")


def test_an_unknown_stack_is_refused_by_its_file_name(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"Pulumi\.nothing\.yaml"):
        preview(fake_workspace(tmp_path, FakeRunner()), "nothing", (), print)
