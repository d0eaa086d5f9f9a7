"""The part of Vault's HTTP API that initialisation uses, and a server for such a fake."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx


class FakeVault:
    """The part of Vault's API that initialisation uses."""

    def __init__(self, *, initialized: bool = False, sealed: bool = True) -> None:
        self.initialized = initialized
        self.sealed = sealed
        self.tokens: set[str] = set()
        self.refuse_unseal = False
        self.requests: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        body = json.loads(request.content or b"{}")
        token = request.headers.get("X-Vault-Token", "")
        handlers: dict[tuple[str, str], Callable[[], httpx.Response]] = {
            ("GET", "/v1/sys/init"): lambda: httpx.Response(200, json={"initialized": self.initialized}),
            ("PUT", "/v1/sys/init"): self._init,
            ("GET", "/v1/sys/seal-status"): lambda: httpx.Response(200, json={"sealed": self.sealed}),
            ("PUT", "/v1/sys/unseal"): lambda: self._unseal(body),
            ("GET", "/v1/auth/token/lookup-self"): lambda: self._lookup(token),
            ("POST", "/v1/auth/token/create-orphan"): lambda: self._create(token, body),
            ("POST", "/v1/auth/token/revoke-self"): lambda: self._revoke(token),
        }
        return handlers[request.method, request.url.path]()

    def _init(self) -> httpx.Response:
        self.initialized = True
        self.tokens.add("root-token")
        return httpx.Response(200, json={"root_token": "root-token", "keys_base64": ["key-1"]})

    def _unseal(self, body: dict[str, Any]) -> httpx.Response:
        if self.refuse_unseal:
            return httpx.Response(500, json={"errors": ["internal error"]})
        self.sealed = body["key"] != "key-1"
        return httpx.Response(200, json={"sealed": self.sealed})

    def _lookup(self, token: str) -> httpx.Response:
        known = token in self.tokens
        return httpx.Response(200 if known else 403, json={} if known else {"errors": ["permission denied"]})

    def _create(self, parent: str, body: dict[str, Any]) -> httpx.Response:
        assert parent in self.tokens
        self.tokens.add(body["id"])
        return httpx.Response(200, json={})

    def _revoke(self, token: str) -> httpx.Response:
        self.tokens.remove(token)
        return httpx.Response(204)
