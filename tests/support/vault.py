"""The stack's Vault, as its administrator and as the pipeline's consumers see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from components.tls.trust import client_context
from components.vault.audit import FILE
from tests.support.pipeline import Pipeline, run


@dataclass(frozen=True)
class Login:
    """A consumer of Vault that is logged in."""

    secret_id: str
    token: str
    api: VaultApi


class VaultApi:
    """Vault's HTTP API with one token."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self._http = http
        self._token = token

    def status(self, method: str, path: str, **body: Any) -> int:
        """The status that a request is answered with."""
        return self._send(method, path, body).status_code

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """The answer to a request that must succeed."""
        response = self._send(method, path, body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return dict(response.json()) if response.content else {}

    def login(self, consumer: str) -> Login:
        """Log in as one of the pipeline's consumers, with a secret id made for it."""
        role = f"auth/approle/role/{consumer}"
        role_id = self.call("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.call("POST", f"{role}/secret-id")["data"]["secret_id"]
        answer = self.call("POST", "auth/approle/login", role_id=role_id, secret_id=secret_id)
        token = answer["auth"]["client_token"]
        return Login(secret_id, token, VaultApi(self._http, token))

    def with_policy(self, policy: str) -> VaultApi:
        """The API with a token that has one policy and no other."""
        made = self.call("POST", "auth/token/create", policies=[policy], no_default_policy=True, ttl="10m")
        return VaultApi(self._http, made["auth"]["client_token"])

    def _send(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return self._http.request(method, f"/v1/{path}", headers={"X-Vault-Token": self._token}, json=body or None)


@contextmanager
def administrator(pipeline: Pipeline) -> Iterator[VaultApi]:
    """Vault with the token of the stack's configuration."""
    config = json.loads(pipeline.pulumi("config", "--json", "--show-secrets").stdout)
    with _http(pipeline) as http:
        yield VaultApi(http, config["scylla-pg-cdc:vaultToken"]["value"])


def _http(pipeline: Pipeline) -> httpx.Client:
    verify = client_context(pipeline.outputs.trusted)
    return httpx.Client(base_url=pipeline.outputs.endpoints["vault"], verify=verify, timeout=10)


def is_sealed(pipeline: Pipeline) -> bool | None:
    """Whether Vault is sealed; None while it does not answer."""
    try:
        with _http(pipeline) as http:
            answer = http.get("/v1/sys/seal-status")
    except httpx.TransportError:
        return None
    return bool(answer.json()["sealed"]) if answer.is_success else None


def audit_text(pipeline: Pipeline, file: str = FILE) -> str:
    """The audit log; empty when there is no such file."""
    command = f"cat {file} 2>/dev/null || true"
    return run("docker", "exec", "--user", "vault", pipeline.outputs.containers["vault"], "sh", "-c", command).stdout


def audit_entries(pipeline: Pipeline, path: str, file: str = FILE) -> list[dict[str, Any]]:
    """The audit log's answers to requests of one path."""
    entries = (json.loads(line) for line in audit_text(pipeline, file).splitlines() if line.strip())
    return [entry for entry in entries if entry["type"] == "response" and entry["request"].get("path") == path]


def rendered_login(pipeline: Pipeline, agent: str, login: str) -> dict[str, str]:
    """The login in a file that an agent has rendered, `postgres` or `scylla`; empty while there is none."""
    lines = agent_file(pipeline, agent, f"/vault/secrets/{login}.properties").splitlines()
    return dict(line.split("=", 1) for line in lines)


def rendered_password(pipeline: Pipeline, agent: str, login: str) -> str:
    """The password in such a file; empty while there is none."""
    return rendered_login(pipeline, agent, login).get("password", "")


def agent_file(pipeline: Pipeline, agent: str, path: str) -> str:
    """A file that only the agent can read; empty while there is none."""
    command = f"cat {path} 2>/dev/null || true"
    container = pipeline.outputs.containers[agent]
    return run("docker", "exec", "--user", "vault", container, "sh", "-c", command).stdout.strip()


def restarts(pipeline: Pipeline, connector: str) -> int:
    """How often the restarter has restarted a connector with success."""
    done = run("docker", "logs", pipeline.outputs.containers["connect-restarter"])
    return (done.stdout + done.stderr).count(f"{connector} runs with its new login")
