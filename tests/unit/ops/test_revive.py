"""What stopped since the last `up` is brought back before anything is refreshed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.vault.client import VaultClient
from ops.errors import OpsError
from ops.processes import Completed
from ops.revive import CONTAINER_TYPE, NETWORK_TYPE, VAULT_INIT_TYPE, Revived, revive
from ops.tools import Tools
from tests.unit.ops.ops_fakes import FakeRunner, failed, fake_workspace, inspected, ok, step

SECRET = "4dabf18193072939515e22adb298388d"
NETWORK: dict[str, Any] = {"type": NETWORK_TYPE, "urn": "n", "id": "4f1c", "outputs": {"name": "p"}}


def state(*containers: str, vault: bool = False, network: bool = False) -> str:
    resources = [NETWORK] if network else []
    resources += [{"type": CONTAINER_TYPE, "urn": name, "outputs": {"name": name}} for name in containers]
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


def test_containers_whose_network_was_removed_are_removed_and_count_as_missing(
    tmp_path: Path, runner: FakeRunner
) -> None:
    removed: list[str] = []

    def remove(argv: Sequence[str], _input: str | None) -> Completed:
        removed.append(argv[-1])
        return ok()

    def inspect(argv: Sequence[str], _input: str | None) -> Completed:
        gone = argv[-1] in removed
        return Completed((), 1, "", f"Error: No such container: {argv[-1]}") if gone else ok(inspected("exited", ""))

    runner.on("stack export", ok(state("p-kafka-1", "p-scylla", network=True)))
    runner.on("network inspect 4f1c", failed("Error response from daemon: network 4f1c not found"))
    runner.on("network rm p", failed("Error response from daemon: network p not found"))
    runner.on("container rm --force", remove).on("container inspect", inspect)

    assert run(tmp_path, runner).missing == ("p-kafka-1", "p-scylla")
    assert removed == ["p-kafka-1", "p-scylla"]
    assert not runner.ran("container start")


def test_containers_whose_network_is_there_are_kept(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-kafka-1", network=True))).on("network inspect 4f1c", ok("[{}]"))

    assert run(tmp_path, runner).missing == ()
    assert not runner.ran(" rm ")


@pytest.mark.parametrize("said", ["Cannot connect to the Docker daemon", "docker: not found"])
def test_an_engine_that_does_not_answer_is_no_missing_network(tmp_path: Path, runner: FakeRunner, said: str) -> None:
    runner.on("stack export", ok(state("p-kafka-1", network=True)))
    runner.on("network inspect", failed(said))

    with pytest.raises(OpsError, match=said):
        run(tmp_path, runner)
    assert not runner.ran(" rm ")


def test_a_sealed_vault_is_unsealed_with_the_key_in_the_state(tmp_path: Path, runner: FakeRunner) -> None:
    vault = FakeVault(sealed=True)
    runner.on("stack export", ok(state("p-vault", vault=True)))

    assert run(tmp_path, runner, vault).unsealed
    assert not vault.sealed


def test_a_vault_whose_container_is_gone_is_not_asked(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-vault", vault=True)))
    runner.on("container inspect", Completed((), 1, "", "Error: No such container: p-vault"))
    vault = FakeVault(sealed=True)

    revived = run(tmp_path, runner, vault)

    assert revived.missing == ("p-vault",)
    assert not revived.unsealed
    assert vault.sealed


def test_an_unsealed_vault_is_left_alone(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-vault", vault=True)))

    assert not run(tmp_path, runner, FakeVault(sealed=False)).unsealed


def test_the_key_is_not_in_any_command(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("stack export", ok(state("p-vault", vault=True)))

    run(tmp_path, runner, FakeVault(sealed=True))

    assert not runner.ran("key-1")
