"""A running testbed as the integration tests see it: its stack, its containers and both databases."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
import yaml
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from components.kafka_connect.client import ConnectClient
from components.registry_client import RegistryClient
from components.tls.trust import ca_path, client_context
from ops.connect import connect_client
from ops.outputs import StackOutputs
from ops.processes import Completed
from ops.pulumi_cli import PulumiCli
from ops.workspace import Workspace, cache_dir
from reconcile.tls import cql_options
from tests.support import lab
from tests.support.waiting import POLL_SECONDS, wait_until

PROJECT = Path(__file__).parents[2]
STACK = os.environ.get("CDC_TEST_STACK", "ci")
PORT_OFFSET = int(os.environ.get("CDC_TEST_PORT_OFFSET", "3000"))
"""The tests' stack stays out of the way of one that a person has brought up, and of another checkout's. All its ports
are below 32768, where Linux begins to hand out ports to clients."""
TLS = os.environ.get("CDC_TEST_TLS") == "1"
"""Whether the stack's servers take TLS and logins only (`make test-tls`)."""
UP_TIMEOUT_SECONDS = 60 * 60
CQL_TIMEOUT_SECONDS = 30


def write_stack_file() -> Path:
    """The configuration of stack `ci`: the testbed's on other ports, with the tests' tables."""
    path = PROJECT / f"Pulumi.{STACK}.yaml"
    config = yaml.safe_load((path if path.exists() else PROJECT / "Pulumi.testbed.yaml").read_text())
    config["config"]["scylla-pg-cdc:portOffset"] = PORT_OFFSET
    if TLS:
        config["config"] |= {"scylla-pg-cdc:transportSecurity": "tls", "scylla-pg-cdc:connectUser": "cdc"}
    tables = config["config"]["scylla-pg-cdc:tables"]
    tables += [table for table in lab.TABLES if table["source"] not in {present["source"] for present in tables}]
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def run(*argv: str, timeout_seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command; what it printed is part of the error when it fails."""
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    assert done.returncode == 0, f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


def claim_stack() -> IO[str]:
    """Own the machine's test stack until the file returned is closed, and remove what an ended test run left of it.

    Runs of the checkout that brought the stack up share it; another checkout waits until they have ended.
    """
    path = cache_dir(os.environ) / f"tests-{STACK}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("w")
    fcntl.flock(lock, fcntl.LOCK_SH)
    workspace = Workspace()
    known = workspace.cli(STACK, workspace.tools()).summary()
    if known is None or not known.resources:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in workspace.docker(STACK).leftovers(STACK).removal().splitlines():
            run(*shlex.split(command))
        fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def bring_up() -> None:
    """The command that users type, on the tests' stack."""
    run(f"{sys.prefix}/bin/cdc", "up", "--stack", STACK, timeout_seconds=UP_TIMEOUT_SECONDS)


@dataclass
class Pipeline:
    """The stack `ci`, up and running."""

    workspace: Workspace = field(default_factory=Workspace)

    @cached_property
    def cli(self) -> PulumiCli:
        """The Pulumi CLI, set to the stack."""
        return self.workspace.cli(STACK, self.workspace.tools())

    @cached_property
    def outputs(self) -> StackOutputs:
        """The stack's outputs."""
        return self.workspace.outputs(STACK)

    def pulumi(self, *args: str) -> Completed:
        """Run a Pulumi command on the stack."""
        return self.cli.run_on_stack(*args)

    @contextmanager
    def connect(self) -> Iterator[ConnectClient]:
        """A client of the Connect workers."""
        with connect_client(self.outputs) as client:
            yield client

    def registry(self) -> RegistryClient:
        """A client of the schema registry."""
        return RegistryClient(self.outputs.endpoints["schema_registry"], trusted=self.outputs.trusted)

    def registry_http(self) -> httpx.Client:
        """The same for what our own client does not ask for."""
        verify = client_context(self.outputs.trusted)
        return httpx.Client(base_url=self.outputs.endpoints["schema_registry"], verify=verify, timeout=30)

    def cql_tls(self) -> dict[str, Any]:
        """The driver's arguments for TLS, where the stack has it."""
        context = client_context(self.outputs.trusted)
        host = self.outputs.endpoints["scylla"].partition(":")[0]
        return cql_options(context, [host]) if self.outputs.scylla_tls else {}

    @contextmanager
    def scylla(self) -> Iterator[Session]:
        """A CQL session of the administrator."""
        host, _, port = self.outputs.endpoints["scylla"].partition(":")
        cluster = Cluster(
            [host],
            port=int(port),
            auth_provider=PlainTextAuthProvider(self.outputs.scylla.username, self.outputs.scylla.password),
            protocol_version=4,
            connect_timeout=CQL_TIMEOUT_SECONDS,
            **self.cql_tls(),
            control_connection_timeout=CQL_TIMEOUT_SECONDS,
            execution_profiles={
                "EXEC_PROFILE_DEFAULT": ExecutionProfile(
                    WhiteListRoundRobinPolicy([host]), request_timeout=CQL_TIMEOUT_SECONDS
                )
            },
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    @contextmanager
    def postgres(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection of the administrator to the warehouse."""
        host, _, port = self.outputs.endpoints["postgres"].partition(":")
        with psycopg.connect(
            host=host,
            port=int(port),
            dbname=self.outputs.postgres_database,
            user=self.outputs.postgres.username,
            password=self.outputs.postgres.password,
            sslmode=self.outputs.postgres_sslmode,
            sslrootcert=ca_path(self.outputs.trusted),
            autocommit=True,
        ) as connection:
            yield connection

    def container(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of a service."""
        inspected: list[dict[str, Any]] = json.loads(run("docker", "inspect", self.outputs.containers[service]).stdout)
        return inspected[0]

    def restart(self, service: str) -> None:
        """Restart a service in an orderly way and wait until it is healthy again."""
        run("docker", "restart", self.outputs.containers[service])
        self.wait_healthy(service)

    def crash(self, service: str) -> None:
        """kill -9 the service's main process, as a crash would; Docker's restart policy brings it back."""
        os.kill(self.container(service)["State"]["Pid"], signal.SIGKILL)

    def wait_healthy(self, service: str, deadline_seconds: float = 180) -> None:
        """Wait until the service's health check passes."""
        wait_until(
            f"{service} is healthy",
            lambda: self.container(service)["State"].get("Health", {}).get("Status") == "healthy",
            deadline_seconds,
        )

    def wait_running(self, deadline_seconds: float = 180) -> None:
        """Wait until both connectors and all their tasks run."""
        with self.connect() as client:
            for name in self.outputs.connectors.values():
                client.wait_running(name, timeout_seconds=deadline_seconds)

    def assert_no_task_failed(self) -> None:
        """No connector and no task is in state FAILED."""
        with self.connect() as client:
            states = {name: client.status(name) for name in self.outputs.connectors.values()}
        failed = {name: status for name, status in states.items() if "FAILED" in repr(status)}
        assert not failed, failed

    def wait_equal(self, tables: Sequence[str] = (), deadline_seconds: float = 180) -> None:
        """Wait until both sides hold the same rows; otherwise show some that differ."""
        from tests.support.compare import differences

        for table in self.outputs.tables:
            if tables and table.source not in tables:
                continue
            deadline = time.monotonic() + deadline_seconds
            while found := differences(self, table):
                assert time.monotonic() < deadline, (
                    f"{table.source} and {table.target} differ in {len(found)} rows after {deadline_seconds} s: "
                    f"{dict(list(found.items())[:3])}"
                )
                time.sleep(POLL_SECONDS)
