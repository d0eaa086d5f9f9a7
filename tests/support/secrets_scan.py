"""Searches everything that a stranger might read for the secrets of a stack."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from components.tls.trust import client_context
from ops.outputs import StackOutputs
from tests.support.connect_rest import connect_rest
from tests.support.pipeline import PROJECT, STACK, Pipeline, run
from tests.support.vault import agent_file, audit_text, rendered_password

MIN_LENGTH = 8
"""Shorter values would be found by chance."""
SECRET_STATE_KEYS = {"root_token", "unseal_keys", "secretId", "wrapping_token"}
AGENTS = dict.fromkeys(("vault-agent", "reconcile-agent", "canary-agent"), ("postgres", "scylla"))
"""Files with logins that each agent renders."""


@dataclass(frozen=True)
class Finding:
    """A secret in a place where it must not be; the secret itself is not named."""

    secret: str
    place: str


def scan(secrets: Mapping[str, str], places: Iterable[tuple[str, str]]) -> list[Finding]:
    """Every (secret, place) pair where the secret's value occurs in the place's text."""
    return [
        Finding(name, place)
        for place, text in places
        for name, value in secrets.items()
        if len(value) >= MIN_LENGTH and value in text
    ]


def stack_secrets(pipeline: Pipeline) -> dict[str, str]:
    """All secrets of the stack by name: configured ones, and those that resources made."""
    config = json.loads(pipeline.pulumi("config", "--json", "--show-secrets").stdout)
    found = {key: entry["value"] for key, entry in config.items() if entry.get("secret")}
    state = json.loads(pipeline.pulumi("stack", "export", "--show-secrets").stdout)
    for resource in state["deployment"]["resources"]:
        for key, value in _secret_outputs(resource.get("outputs", {})):
            found[f"{resource['urn'].rsplit('::', 1)[-1]}.{key}"] = value
    return found | agent_secrets(pipeline)


def agent_secrets(pipeline: Pipeline) -> dict[str, str]:
    """What agents hold at this moment: the rendered passwords, and the secret ids with which they log in."""
    found = {}
    for agent, logins in AGENTS.items():
        for login in logins:
            found[f"{agent}: password of {login}"] = rendered_password(pipeline, agent, login)
        found[f"{agent}: secret id"] = agent_file(pipeline, agent, "/vault/file/secret-id")
    return found


def _secret_outputs(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in outputs.items():
        plain = json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value
        if key in SECRET_STATE_KEYS and plain:
            for number, item in enumerate(plain if isinstance(plain, list) else [plain]):
                yield f"{key}[{number}]", str(item)


def readable_places(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Everything that a stranger might read, as (name, text); process environments are readable by root only."""
    for path in [*(PROJECT / ".state").rglob("*"), PROJECT / f"Pulumi.{STACK}.yaml"]:
        if path.is_file():
            yield f"file {path.relative_to(PROJECT)}", path.read_text(errors="replace")
    for service, container in pipeline.outputs.containers.items():
        yield f"docker inspect {service}", run("docker", "inspect", container).stdout
        image = pipeline.container(service)["Image"]
        yield f"docker history {service}", run("docker", "history", "--no-trunc", image).stdout
        yield f"image {service}", run("docker", "image", "inspect", image).stdout
        logs = run("docker", "logs", container)
        yield f"docker logs {service}", logs.stdout + logs.stderr
        yield f"environment {service}", _environments(pipeline.container(service)["State"]["Pid"])
    endpoints = pipeline.outputs.endpoints
    yield from _rest_answers(pipeline.outputs)
    for name, url in (
        ("registry", f"{endpoints['schema_registry']}/subjects"),
        ("vault", f"{endpoints['vault']}/v1/sys/health"),
        ("metrics", endpoints["reconcile"]),
    ):
        yield f"GET {name}", httpx.get(url, verify=client_context(pipeline.outputs.trusted), timeout=10).text
    yield "audit log", audit_text(pipeline)
    yield "process list", run("ps", "-eww", "-o", "args").stdout


def _environments(pid: int) -> str:
    """The environments of a container's main process and its descendants."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has just ended
    return "\n".join([text, *(_environments(int(child)) for child in children)])


def _rest_answers(outputs: StackOutputs) -> Iterator[tuple[str, str]]:
    paths = ["/connectors?expand=info&expand=status"]
    for name in outputs.connectors.values():
        paths += [f"/connectors/{name}/{what}" for what in ("config", "tasks", "status", "tasks-config")]
    with connect_rest(outputs) as client:
        for path in paths:
            yield f"GET {path}", client.get(path).text


def plant(path: Path, value: str) -> None:
    """Put a secret where it must not be, to test the scanner itself."""
    path.write_text(f"password={value}\n")
