"""What stopped since the last `up` is brought back before anything is refreshed."""

import json
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from ops_fakes import FakeRunner, fake_workspace, inspected, ok, step

from components.vault.client import VaultClient
from ops.errors import OpsError
from ops.processes import Completed
from ops.revive import CONTAINER_TYPE, VAULT_INIT_TYPE, Revived, revive
from ops.tools import Tools

SECRET = "4dabf18193072939515e22adb298388d"


def state(*containers: str, vault: bool = False) -> str:
    resources = [{"type": CONTAINER_TYPE, "urn": name, "outputs": {"name": name}} for name in containers]
    if vault:
        keys = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(["key-1"])}
        outputs = {"address": "http://vault.test", "unseal_keys": keys}
        resources.append({"type": VAULT_INIT_TYPE, "urn": "vault", "outputs": outputs})
    return json.dumps({"deployment": {"resources": resources}})


class FakeVault:
    def __init__(self, *, sealed: bool) -> None:
        self.sealed = sealed

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            assert json.loads(request.content) == {"key": "key-1"}
            self.sealed = False
        return httpx.Response(200, json={"initialized": True, "sealed": self.sealed})


def run(tmp_path: Path, runner: FakeRunner, vault: FakeVault | None = None) -> Revived:
    workspace = fake_workspace(tmp_path, runner)
    cli = workspace.cli("dev", Tools("pulumi", "", built=True))

    def open_vault(address: str, *, trusted: str) -> VaultClient:
        assert vault is not None
        return VaultClient(address, httpx.MockTransport(vault), retry_seconds=0, trusted=trusted)

    return revive(cli, workspace.docker("dev"), step(), open_vault, lambda _: None)


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner().on("container inspect", ok(inspected())).on("container start", ok())


def test_running_containers_are_left_alone(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-kafka-1", "p-scylla")))

    revived = run(tmp_path, runner)

    assert revived == Revived((), unsealed=False, missing=())
    assert revived.sentence() == "all running"
    assert not runner.ran("container start")


def test_a_stopped_container_is_started_and_waited_for(tmp_path: Path, runner: FakeRunner) -> None:
    answers = iter([inspected("exited", ""), inspected("running", "starting")])

    def inspect(_argv: Sequence[str], _input: str | None) -> Completed:
        return ok(next(answers, inspected()))

    runner.on("stack export", ok(state("p-kafka-1"))).on("container inspect", inspect)

    assert run(tmp_path, runner).started == ("p-kafka-1",)
    assert runner.ran("container start p-kafka-1")


def test_a_container_that_stays_unhealthy_is_named(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-kafka-1"))).on("container inspect", ok(inspected("exited", "")))

    with pytest.raises(OpsError, match="p-kafka-1 was started but is not healthy"):
        run(tmp_path, runner)


def test_a_container_that_failed_while_it_was_made_is_left_to_the_next_up(tmp_path: Path, runner: FakeRunner) -> None:
    broken = {"type": CONTAINER_TYPE, "urn": "u", "outputs": {"name": "p-scylla"}, "initErrors": ["no such user"]}
    runner.on("stack export", ok(json.dumps({"deployment": {"resources": [broken]}})))
    runner.on("container inspect", ok(inspected("exited", "")))

    assert run(tmp_path, runner) == Revived((), unsealed=False, missing=())
    assert not runner.ran("container start")


def test_a_container_that_somebody_removed_is_reported(tmp_path: Path, runner: FakeRunner) -> None:
    gone = Completed((), 1, "", "Error: No such container: p-kafka-1")
    runner.on("stack export", ok(state("p-kafka-1"))).on("container inspect", gone)

    revived = run(tmp_path, runner)

    assert revived.missing == ("p-kafka-1",)
    assert "removed by hand: p-kafka-1" in revived.sentence()


def test_a_sealed_vault_is_unsealed_with_the_key_in_the_state(tmp_path: Path, runner: FakeRunner) -> None:
    vault = FakeVault(sealed=True)
    runner.on("stack export", ok(state("p-vault", vault=True)))

    assert run(tmp_path, runner, vault).unsealed
    assert not vault.sealed


def test_an_unsealed_vault_is_left_alone(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-vault", vault=True)))

    assert not run(tmp_path, runner, FakeVault(sealed=False)).unsealed


def test_the_key_is_not_in_any_command(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-vault", vault=True)))

    run(tmp_path, runner, FakeVault(sealed=True))

    assert not runner.ran("key-1")
