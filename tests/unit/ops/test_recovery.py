"""What an interrupted `pulumi up` leaves is picked up."""

import json
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.docker import Docker
from ops.pulumi_cli import PulumiCli
from ops.recovery import clear_dead_lock, undo_pending_creates
from tests.unit.ops.ops_fakes import FakeRunner, fake_cli, ok, step

CONTAINER = "docker:index/container:Container"


def locked(tmp_path: Path, owner: Mapping[str, object], runner: FakeRunner) -> PulumiCli:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "scylla-pg-cdc" / "dev"
    folder.mkdir(parents=True)
    (folder / "1234.json").write_text(json.dumps(owner))
    return fake_cli(runner, variables={"PULUMI_BACKEND_URL": f"file://{tmp_path}"})


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_lock_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    runner = FakeRunner().on("cancel --yes", ok())
    assert clear_dead_lock(locked(tmp_path, {"pid": dead_pid(), "hostname": socket.gethostname()}, runner), step())


def test_the_lock_of_a_living_process_stays(tmp_path: Path) -> None:
    owner = {"pid": os.getpid(), "hostname": socket.gethostname()}
    assert not clear_dead_lock(locked(tmp_path, owner, FakeRunner()), step())


def test_the_lock_of_another_host_or_of_nobody_known_stays(tmp_path: Path) -> None:
    assert not clear_dead_lock(locked(tmp_path, {"pid": dead_pid(), "hostname": "elsewhere"}, FakeRunner()), step())


def test_a_remote_backend_is_left_alone() -> None:
    cli = fake_cli(FakeRunner(), variables={"PULUMI_BACKEND_URL": "s3://bucket"})
    assert not clear_dead_lock(cli, step())


def exported(*operations: Mapping[str, object]) -> str:
    return json.dumps({"version": 3, "deployment": {"pending_operations": list(operations)}})


def creating(kind: str, name: str) -> Mapping[str, object]:
    return {"type": "creating", "resource": {"type": kind, "inputs": {"name": name}}}


def test_a_half_made_container_is_removed_and_its_pending_operation_forgotten() -> None:
    other = {"type": "updating", "resource": {"type": CONTAINER, "inputs": {"name": "scylla-pg-cdc-dev-vault"}}}
    runner = FakeRunner().on("stack export", ok(exported(creating(CONTAINER, "scylla-pg-cdc-dev-kafka-1"), other)))
    runner.on("stack import", ok()).on("docker container rm --force scylla-pg-cdc-dev-kafka-1", ok())
    assert undo_pending_creates(fake_cli(runner), Docker(runner), step()) == ["scylla-pg-cdc-dev-kafka-1"]
    imported = json.loads(runner.inputs[-1] or "")
    assert imported["deployment"]["pending_operations"] == [other]


def test_volumes_and_things_of_others_are_never_removed() -> None:
    operations = [
        creating("docker:index/volume:Volume", "scylla-pg-cdc-dev-postgres"),
        creating(CONTAINER, "somebody-elses"),
    ]
    runner = FakeRunner().on("stack export", ok(exported(*operations))).on("stack import", ok())
    assert undo_pending_creates(fake_cli(runner), Docker(runner), step()) == []
    assert not runner.ran("rm")


def test_an_orderly_state_is_not_touched() -> None:
    runner = FakeRunner().on("stack export", ok(exported()))
    assert undo_pending_creates(fake_cli(runner), Docker(runner), step()) == []
    assert not runner.ran("import")
