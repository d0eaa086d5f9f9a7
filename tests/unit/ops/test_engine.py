"""How a Docker engine is found, installed and started."""

from pathlib import Path

import pytest

from ops.engine import EngineMaker, Machine
from ops.errors import OpsError
from ops.processes import Completed
from tests.unit.ops.ops_fakes import NOT_FOUND, FakeRunner, failed, ok, step

VERSION = "docker version"


def machine(
    *, named_host: str = "", docker_host: str = "", root: bool = True, debian: bool = True, systemd: bool = False
) -> Machine:
    return Machine(named_host, docker_host, root, debian, systemd, Path("/tmp/dockerd.log"))


class Starting:
    """An engine that answers from the n-th question on."""

    def __init__(self, answers_at: int) -> None:
        self.asked = 0
        self.answers_at = answers_at

    def __call__(self, _argv: object, _input: object) -> Completed:
        self.asked += 1
        return ok("20.10.24\n") if self.asked >= self.answers_at else failed("Cannot connect to the Docker daemon")


def maker(runner: FakeRunner, here: Machine) -> EngineMaker:
    seconds = [0.0]

    def wait(duration_seconds: float) -> None:
        seconds[0] += duration_seconds

    return EngineMaker(runner, here, clock=lambda: seconds[0], wait=wait)


def test_a_running_engine_is_used_and_nothing_is_installed() -> None:
    runner = FakeRunner().on(VERSION, ok("28.0.1\n"))
    assert maker(runner, machine()).ensure(step()) == "28.0.1"
    assert len(runner.calls) == 1


def test_an_unreachable_docker_host_is_named_and_nothing_is_installed() -> None:
    runner = FakeRunner().on(VERSION, failed("cannot connect"))
    with pytest.raises(OpsError, match="DOCKER_HOST is tcp://elsewhere:2375"):
        maker(runner, machine(docker_host="tcp://elsewhere:2375")).ensure(step())
    assert len(runner.calls) == 1


def test_the_engine_that_the_stack_names_is_asked_and_never_installed() -> None:
    runner = FakeRunner().on("--host ssh://me@prod version", failed("connection refused"))
    with pytest.raises(OpsError, match="The stack's dockerHost is ssh://me@prod"):
        maker(runner, machine(named_host="ssh://me@prod")).ensure(step())
    assert len(runner.calls) == 1


@pytest.mark.parametrize("here", [machine(root=False), machine(debian=False)])
def test_without_debian_and_root_the_error_says_what_to_do(here: Machine) -> None:
    runner = FakeRunner().on(VERSION, NOT_FOUND)
    with pytest.raises(OpsError, match="set DOCKER_HOST"):
        maker(runner, here).ensure(step())
    assert len(runner.calls) == 1


def test_on_a_bare_debian_the_engine_is_installed_and_started_by_its_service() -> None:
    runner = FakeRunner().on("apt-get", ok()).on("service docker start", ok()).on(VERSION, Starting(3))
    runner.on("dockerd --version", NOT_FOUND).on("docker --version", ok())
    assert maker(runner, machine()).ensure(step()) == "20.10.24"
    assert runner.ran("install --no-install-recommends docker.io iptables")
    assert not runner.ran("docker-cli")
    assert runner.started == []


def test_an_installed_engine_that_is_stopped_is_only_started() -> None:
    runner = FakeRunner().on("--version", ok()).on("systemctl start docker", ok()).on(VERSION, Starting(2))
    assert maker(runner, machine(systemd=True)).ensure(step()) == "20.10.24"
    assert not runner.ran("apt-get")


def test_where_the_service_does_not_start_dockerd_is_run_directly() -> None:
    runner = FakeRunner().on("--version", ok()).on("service docker start", failed("no")).on(VERSION, Starting(4))
    runner.on("pgrep", failed(""))
    assert maker(runner, machine()).ensure(step()) == "20.10.24"
    assert runner.started == [["dockerd", "--pidfile", "/tmp/dockerd.pid"]]


def test_the_client_is_installed_where_debian_packages_it_apart() -> None:
    runner = FakeRunner().on("--version", NOT_FOUND).on("apt-get", ok()).on("service docker start", ok())
    runner.on(VERSION, Starting(2))
    maker(runner, machine()).ensure(step())
    assert runner.ran("install --no-install-recommends docker-cli")


def test_an_engine_that_never_answers_is_an_error_that_names_its_log() -> None:
    runner = FakeRunner().on("--version", ok()).on("service docker start", ok()).on(VERSION, failed("no"))
    runner.on("pgrep", failed(""))
    with pytest.raises(OpsError, match=r"/tmp/dockerd\.log"):
        maker(runner, machine()).ensure(step())


def test_a_failed_installation_shows_the_words_of_apt() -> None:
    runner = FakeRunner().on("--version", NOT_FOUND).on("apt-get", failed("E: no space left")).on(VERSION, NOT_FOUND)
    with pytest.raises(OpsError, match="no space left"):
        maker(runner, machine()).ensure(step())
