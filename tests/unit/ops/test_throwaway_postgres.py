"""The tests' PostgreSQL is started, waited for and removed."""

import pytest

from ops.errors import OpsError
from ops.throwaway_postgres import throwaway_postgres
from tests.unit.ops.ops_fakes import FakeRunner, failed, ok, step


def runner() -> FakeRunner:
    return (
        FakeRunner()
        .on("testbed images postgres", ok())
        .on("docker run", ok("c0ffee\n"))
        .on("docker exec", ok())
        .on("docker port", ok("127.0.0.1:49153\n"))
        .on("docker rm", ok())
    )


def test_the_url_names_port_and_superuser() -> None:
    with throwaway_postgres(runner(), step()) as url:
        assert url.startswith("jdbc:postgresql://127.0.0.1:49153/postgres?user=postgres&password=")


def test_the_password_is_no_argument_of_a_program() -> None:
    commands = runner()
    with throwaway_postgres(commands, step()) as url:
        password = url.rpartition("=")[2]
    assert password
    assert not commands.ran(password)


def test_the_server_is_removed_when_the_block_fails() -> None:
    commands = runner()
    with pytest.raises(ZeroDivisionError), throwaway_postgres(commands, step()):
        raise ZeroDivisionError
    assert commands.calls[-1] == ["docker", "rm", "--force", "--volumes", "c0ffee"]


def test_a_server_that_does_not_answer_is_shown_with_its_log_and_removed() -> None:
    commands = runner().on("docker exec", failed("no response")).on("docker logs", ok("FATAL: no space left"))
    times = iter(range(0, 1000, 30))
    with (
        pytest.raises(OpsError, match="within 60 s: FATAL: no space left"),
        throwaway_postgres(commands, step(), lambda: float(next(times)), lambda _: None),
    ):
        pass
    assert commands.ran("docker rm")
