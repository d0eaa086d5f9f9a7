"""What the processes of the running containers may do, as the kernel sees it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.hardening import MAX_PROCESSES, TO_ANOTHER_USER, TO_OWN_VOLUMES
from tests.support.pipeline import Pipeline, run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ALLOWED_CAPABILITIES = {*TO_ANOTHER_USER, *TO_OWN_VOLUMES, "CAP_KILL"}
RUNS_AS_ROOT = "scylla"
"""ScyllaDB's image does; what remains of root has a few capabilities only."""
READ_ONLY = {"zookeeper", "kafka-1", "schema-registry", "connect-1", "connect-restarter", "jaeger"}

ORPHANS_END_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Process:
    """A process of a container, from `/proc/<pid>/status` on the host."""

    name: str
    uid: int
    effective: int
    """Bit mask of the capabilities in force."""
    no_new_privileges: bool


def family(pid: int) -> Iterator[Process]:
    """A container's main process and its descendants; commands of health checks are none of them."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return  # it has just ended
    status = dict(entry.split(":\t", 1) for entry in text.splitlines() if ":\t" in entry)
    yield Process(status["Name"], int(status["Uid"].split()[1]), int(status["CapEff"], 16), status["NoNewPrivs"] == "1")
    for child in children:
        yield from family(int(child))


@pytest.fixture(scope="module")
def containers(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    names = pipeline.outputs.containers
    inspected = json.loads(run("docker", "inspect", *names.values()).stdout)
    return dict(zip(names, inspected, strict=True))


def test_every_container_has_few_capabilities_and_limits(containers: dict[str, dict[str, Any]]) -> None:
    assert len(containers) >= 10
    for service, container in containers.items():
        host = container["HostConfig"]
        assert host["CapDrop"] == ["ALL"], service
        assert set(host["CapAdd"] or ()) <= ALLOWED_CAPABILITIES, service
        assert host["SecurityOpt"] == ["no-new-privileges"], service
        assert not host["Privileged"], service
        assert host["Memory"] > 0, service
        assert host["MemorySwap"] == host["Memory"], service
        assert {"Name": "nproc", "Soft": MAX_PROCESSES, "Hard": MAX_PROCESSES} in host["Ulimits"], service
        assert host["LogConfig"]["Config"] == {"max-size": "20m", "max-file": "3"}, service
        assert host["PidMode"] == "", service
        assert host["IpcMode"] == "private", service
        assert host["NetworkMode"] != "host", service


def test_nothing_of_the_host_is_mounted_and_ports_are_on_loopback(containers: dict[str, dict[str, Any]]) -> None:
    published = set()
    for service, container in containers.items():
        assert {mount["Type"] for mount in container["Mounts"]} <= {"volume", "tmpfs"}, service
        for bindings in (container["HostConfig"]["PortBindings"] or {}).values():
            published |= {binding["HostIp"] for binding in bindings}
    assert published == {"127.0.0.1"}


def test_processes_are_neither_root_nor_privileged(containers: dict[str, dict[str, Any]]) -> None:
    for service, container in containers.items():

        def harmless(name: str = service, pid: int = container["State"]["Pid"]) -> bool:
            found = list(family(pid))
            assert all(each.no_new_privileges for each in found), (name, found)
            return name == RUNS_AS_ROOT or {(each.uid > 0, each.effective) for each in found} == {(True, 0)}

        # A health check that took too long leaves its processes to the main one for a moment; those of the image's user
        # are root's.
        wait_until(f"no process of {service} is root or has a capability", harmless, ORPHANS_END_WITHIN_SECONDS)


def test_programs_of_services_that_need_no_files_cannot_be_changed(
    pipeline: Pipeline, containers: dict[str, dict[str, Any]]
) -> None:
    assert {name for name, container in containers.items() if container["HostConfig"]["ReadonlyRootfs"]} == READ_ONLY
    for service in READ_ONLY:
        name = pipeline.outputs.containers[service]
        touched = subprocess.run(
            ["docker", "exec", "--user", "0", name, "touch", "/usr/bin/changed"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Read-only file system" in touched.stderr, service
