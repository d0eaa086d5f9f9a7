"""A PostgreSQL server for tests: the testbed's image in a container that goes with the block it is used in."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ops.errors import OpsError
from ops.processes import Runner
from ops.progress import Step
from testbed.catalog import testbed_image

ROLE: Final = "postgres"
_PASSWORD_VARIABLE: Final = "POSTGRES_PASSWORD"  # noqa: S105 the name of a variable, not a password
_PASSWORD_BYTES: Final = 12
_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2


@contextmanager
def throwaway_postgres(
    runner: Runner,
    step: Step,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Start one, yield its JDBC URL as superuser, and remove it.

    Raises:
        OpsError: The image cannot be built, or the server does not answer.
    """
    built = runner.stream([sys.executable, "-m", "testbed", "images", ROLE], step.note)
    built.require("Building the image of PostgreSQL", "Run the command again: finished images are kept.")
    password = secrets.token_hex(_PASSWORD_BYTES)
    options = ["--detach", "--rm", "--publish", "127.0.0.1::5432", "--env", _PASSWORD_VARIABLE]
    started = runner.run(
        ["docker", "run", *options, testbed_image(ROLE)], env=os.environ | {_PASSWORD_VARIABLE: password}
    ).require("Starting PostgreSQL")
    container = started.stdout.strip()
    try:
        _await(runner, container, clock, wait)
        address = runner.run(["docker", "port", container, "5432/tcp"]).require("Asking for the port").stdout.split()[0]
        yield f"jdbc:postgresql://{address}/postgres?user=postgres&password={password}"
    finally:
        runner.run(["docker", "rm", "--force", "--volumes", container])


def _await(runner: Runner, container: str, clock: Callable[[], float], wait: Callable[[float], None]) -> None:
    deadline = clock() + _START_SECONDS
    while not runner.run(["docker", "exec", container, "pg_isready", "--quiet", "--host=127.0.0.1"]).ok:
        if clock() > deadline:
            logs = runner.run(["docker", "logs", "--tail", "20", container])
            raise OpsError(f"PostgreSQL did not answer within {_START_SECONDS:.0f} s: {logs.stdout}{logs.stderr}")
        wait(_POLL_SECONDS)
