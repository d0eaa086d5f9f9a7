"""Fakes for the tests of the operator's command line: programs, docker, a workspace."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ops.processes import Completed
from ops.progress import Progress, Step
from ops.pulumi_cli import PulumiCli
from ops.tools import Tools
from ops.workspace import Workspace

Answer = Completed | Callable[[Sequence[str], str | None], Completed]


def ok(stdout: str = "") -> Completed:
    return Completed((), 0, stdout)


def failed(stderr: str, exit_code: int = 1) -> Completed:
    return Completed((), exit_code, "", stderr)


NOT_FOUND = failed("not found", 127)


class FakeRunner:
    """Answers commands by the words that they contain; the newest rule that matches counts."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.inputs: list[str | None] = []
        self.envs: list[Mapping[str, str] | None] = []
        self.started: list[list[str]] = []
        self._rules: list[tuple[str, Answer]] = []

    def on(self, words: str, answer: Answer) -> "FakeRunner":
        self._rules.insert(0, (words, answer))
        return self

    def ran(self, words: str) -> bool:
        return any(words in " ".join(call) for call in self.calls)

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input_text: str | None = None,
        timeout_seconds: float | None = None,  # noqa: ARG002 part of the interface
    ) -> Completed:
        self.calls.append(list(argv))
        self.inputs.append(input_text)
        self.envs.append(env)
        line = " ".join(argv)
        for words, answer in self._rules:
            if words in line:
                done = answer if isinstance(answer, Completed) else answer(argv, input_text)
                return Completed(tuple(argv), done.exit_code, done.stdout, done.stderr)
        raise AssertionError(f"unexpected command: {line}")

    def stream(
        self, argv: Sequence[str], on_line: Callable[[str], None], *, env: Mapping[str, str] | None = None
    ) -> Completed:
        done = self.run(argv, env=env)
        for line in done.stdout.splitlines():
            on_line(line)
        return done

    def start(self, argv: Sequence[str], log: Path) -> None:  # noqa: ARG002 part of the interface
        self.started.append(list(argv))


def step() -> Step:
    return Step("test", 0.0, None)


def quiet_progress() -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    return Progress(Console(file=text, force_terminal=False, width=300, highlight=False)), text


TOOLS = Tools("/opt/pulumi/bin/pulumi", "", built=False)


def fake_cli(runner: FakeRunner, stack: str = "dev", variables: Mapping[str, str] | None = None) -> PulumiCli:
    return PulumiCli(runner, TOOLS, stack, variables or {"PULUMI_BACKEND_URL": "file:///nowhere"}, {"PATH": "/bin"})


def fake_workspace(tmp_path: Path, runner: FakeRunner) -> Workspace:
    """A workspace whose Pulumi CLI is on PATH in the right version."""
    (tmp_path / "bin").mkdir()
    binary = tmp_path / "bin" / "pulumi"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    runner.on("pulumi version", ok("v3.250.0"))
    environment = {"PATH": str(tmp_path / "bin"), "SCYLLA_PG_CDC_CACHE": str(tmp_path / "cache")}
    return Workspace(tmp_path, runner, quiet_progress()[0], environment)


RAW_OUTPUTS: dict[str, Any] = {
    "endpoints": {
        "kafka": "127.0.0.1:29092",
        "schema_registry": "http://127.0.0.1:28081",
        "connect": "http://127.0.0.1:28083",
        "scylla": "127.0.0.1:29042",
        "postgres": "127.0.0.1:25432",
        "vault": "http://127.0.0.1:28200",
    },
    "topics": {"shop.users": "cdc.shop.users", "dlq": "dlq-postgres-sink", "dlq_ledger": "dlq-postgres-sink-handled"},
    "kafka_tls_enabled": False,
    "trace_sample_ratio": 0.01,
    "connectors": {"source": "scylla-source", "sink": "postgres-sink"},
    "tables": [{"source": "shop.users", "target": "public.users", "topic": "cdc.shop.users", "keys": ["id"]}],
    "windows_ms": {"window": 1000, "confidence": 5000},
    "containers": {"kafka-1": "scylla-pg-cdc-dev-kafka-1", "vault-agent": "scylla-pg-cdc-dev-vault-agent"},
    "commands": {},
    "credentials": {
        "scylla": {"username": "cassandra", "password": "s3cret-scylla"},
        "postgres": {"username": "postgres", "password": "s3cret-postgres", "database": "warehouse"},
    },
}


def inspected(status: str = "running", health: str | None = "healthy", restarts: int = 0, stand_in: str = "") -> str:
    state = {"Status": status} | ({"Health": {"Status": health}} if health else {})
    labels = {"scylla-pg-cdc.stand-in": stand_in} if stand_in else None
    return json.dumps([{"State": state, "Config": {"Labels": labels}, "RestartCount": restarts}])
