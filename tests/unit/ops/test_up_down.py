"""Bringing a stack up and taking it down, step by step, with every program faked."""

import json
from pathlib import Path

import pytest

from ops import up as up_module
from ops.deploy import run_engine
from ops.down import down, what_is_deleted
from ops.errors import OpsError
from ops.processes import Completed
from ops.smoke import SmokeResult
from ops.stack_choice import last_stack, remember_stack
from ops.stack_secrets import SECRET_KEYS
from ops.tools import required_plugins
from ops.up import report, up
from ops.workspace import Workspace
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, FakeRunner, failed, fake_workspace, inspected, ok

STACK_FILE = "config:\n  scylla-pg-cdc:tables: []\n" + "".join(
    f"  scylla-pg-cdc:{key}:\n    secure: v1:x\n" for key in SECRET_KEYS
)
SMOKE = SmokeResult((1500.0,), (1600.0,), (1700.0,), 1000, 5000)


@pytest.fixture
def runner() -> FakeRunner:
    """A machine on which everything works and nothing is there yet."""
    plugins = [{"name": plugin.name, "version": plugin.version} for plugin in required_plugins()]
    runner = FakeRunner()
    for words, answer in {
        "docker version": "28.0.1",
        "plugin ls": json.dumps(plugins),
        "stack ls": "[]",
        "stack select --create": "",
        "docker container ls": "",
        "docker network ls": "",
        "docker volume ls": "",
        " up --yes": " +  docker:index:Network network created (2s)\nResources:\n    + 1 created\n",
        "destroy --yes": "",
        "stack export": '{"deployment": {}}',
        "stack output": json.dumps(RAW_OUTPUTS),
        "container inspect": inspected(),
    }.items():
        runner.on(words, ok(answer))
    return runner


@pytest.fixture
def workspace(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK_FILE)
    monkeypatch.setattr(up_module, "run_smoke", lambda *_: SMOKE)
    return fake_workspace(tmp_path, runner)


def test_up_goes_from_nothing_to_the_closing_table(workspace: Workspace, runner: FakeRunner) -> None:
    result = up(workspace, "dev", ("--refresh",))
    assert result.smoke == SMOKE
    assert len(result.status.services) == len(RAW_OUTPUTS["endpoints"]) + 1
    assert runner.ran("up --yes --skip-preview --refresh --stack dev")
    assert last_stack(workspace.state_dir) == "dev"
    assert report(result).row_count == len(result.status.services) + len(result.status.connectors) + 4


def test_up_of_an_existing_stack_revives_it_and_refreshes(workspace: Workspace, runner: FakeRunner) -> None:
    runner.on("stack ls", ok(json.dumps([{"name": "dev", "resourceCount": 3}])))
    up(workspace, "dev")
    assert runner.ran("up --yes --skip-preview --refresh --stack dev")
    assert not runner.ran("refresh --yes")


def test_a_container_removed_by_hand_is_made_again_before_the_refresh(workspace: Workspace, runner: FakeRunner) -> None:
    resource = {"type": "docker:index/container:Container", "urn": "x", "outputs": {"name": "gone"}}
    runner.on("stack ls", ok(json.dumps([{"name": "dev", "resourceCount": 3}])))
    runner.on("stack export", ok(json.dumps({"deployment": {"resources": [resource]}})))
    runner.on("refresh --yes", ok())
    runner.on("container inspect gone", Completed((), 1, "", "Error: No such container: gone"))
    up(workspace, "dev")
    calls = [" ".join(call) for call in runner.calls if "--skip-preview" in call]
    assert ["refresh" in call and "--target=**docker:index/container" in call for call in calls] == [True, False, False]
    assert ["--refresh" in call for call in calls] == [False, False, True]


def test_up_keeps_the_engine_s_whole_output_in_a_log(workspace: Workspace) -> None:
    up(workspace, "dev")
    assert "Network network created" in (workspace.state_dir / "logs" / "up-dev.log").read_text()


def test_up_refuses_a_stack_without_a_file(workspace: Workspace, runner: FakeRunner) -> None:
    with pytest.raises(OpsError, match=r"Pulumi\.unknown\.yaml"):
        up(workspace, "unknown")
    assert not runner.ran("stack select")


def test_an_empty_state_with_containers_of_the_same_name_is_another_checkout_s(
    workspace: Workspace, runner: FakeRunner
) -> None:
    runner.on("docker container ls", ok("scylla-pg-cdc-dev-kafka-1\nscylla-pg-cdc-development-x\nother\n"))
    with pytest.raises(OpsError) as raised:
        up(workspace, "dev")
    assert "docker rm --force scylla-pg-cdc-dev-kafka-1" in str(raised.value)
    assert "other" not in raised.value.hint.replace("another", "").replace("that checkout", "")
    assert "development" not in raised.value.hint
    assert not runner.ran("up --yes")


def test_a_failing_up_shows_the_diagnostics_and_where_the_log_is(workspace: Workspace, runner: FakeRunner) -> None:
    output = "Diagnostics:\n  Connector (postgres-sink):\n    error: no such table\n\nResources:\n    + 1 created\n"
    runner.on(" up --yes", Completed((), 1, output))
    with pytest.raises(OpsError) as raised:
        run_engine(workspace, workspace.cli("dev", workspace.tools()), "up")
    assert "error: no such table" in raised.value.message
    assert "up-dev.log" in raised.value.hint


def test_a_locked_stack_says_how_to_unlock_it(workspace: Workspace, runner: FakeRunner) -> None:
    runner.on(" up --yes", Completed((), 255, "error: the stack is currently locked by 1 lock(s)"))
    with pytest.raises(OpsError, match="pulumi cancel --stack dev"):
        run_engine(workspace, workspace.cli("dev", workspace.tools()), "up")


def test_down_destroys_and_forgets_the_stack(workspace: Workspace, runner: FakeRunner) -> None:
    remember_stack("dev", workspace.state_dir)
    runner.on("stack ls", ok('[{"name": "dev", "resourceCount": 80}]'))
    down(workspace, "dev")
    assert runner.ran("destroy --yes --skip-preview --stack dev")
    assert last_stack(workspace.state_dir) == ""


def test_down_of_a_stack_whose_network_was_removed_removes_its_containers_first(
    workspace: Workspace, runner: FakeRunner
) -> None:
    resources = [
        {"type": "docker:index/network:Network", "urn": "n", "id": "4f1c", "outputs": {"name": "scylla-pg-cdc-dev"}},
        {"type": "docker:index/container:Container", "urn": "c", "outputs": {"name": "scylla-pg-cdc-dev-vault"}},
    ]
    runner.on("stack ls", ok('[{"name": "dev", "resourceCount": 80}]'))
    runner.on("stack export", ok(json.dumps({"deployment": {"resources": resources}})))
    runner.on("network inspect 4f1c", failed("network 4f1c not found"))
    runner.on(" rm ", ok())
    down(workspace, "dev")
    order = [" ".join(call) for call in runner.calls if " rm " in " ".join(call) or "destroy" in call]
    assert [call.partition(" --yes")[0].rpartition("/")[2] for call in order][:2] == [
        "docker container rm --force scylla-pg-cdc-dev-vault",
        "docker network rm scylla-pg-cdc-dev",
    ]
    assert "destroy" in order[2]


def test_down_fails_when_something_of_the_stack_is_left(workspace: Workspace, runner: FakeRunner) -> None:
    runner.on("docker volume ls", ok("scylla-pg-cdc-dev-postgres\nscylla-pg-cdc-testbed-postgres\n"))
    with pytest.raises(OpsError) as raised:
        down(workspace, "dev")
    assert "docker volume rm scylla-pg-cdc-dev-postgres" in raised.value.hint
    assert "testbed" not in raised.value.hint


def test_down_of_a_stack_that_never_was_is_done(workspace: Workspace, runner: FakeRunner) -> None:
    down(workspace, "dev")
    assert not runner.ran("destroy")


def test_the_question_before_down_counts_the_volumes(workspace: Workspace, runner: FakeRunner) -> None:
    runner.on("docker volume ls", ok("scylla-pg-cdc-dev-postgres\nscylla-pg-cdc-dev-kafka-1\n"))
    assert what_is_deleted(workspace, "dev") == "Delete stack dev, with the data in 2 volumes?"


def test_testbed_images_are_built_and_public_ones_are_not(workspace: Workspace, runner: FakeRunner) -> None:
    up_module.ensure_stack_images(workspace, "dev")
    assert not runner.ran("testbed images")
    (workspace.project_dir / "Pulumi.dev.yaml").write_text("config:\n  scylla-pg-cdc:images: testbed\n")
    runner.on("testbed images", ok("building kafka"))
    up_module.ensure_stack_images(workspace, "dev")
    assert runner.ran("testbed images")
