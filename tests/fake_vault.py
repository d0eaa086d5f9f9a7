"""The part of Vault's HTTP API that initialisation uses, and a server for such a fake."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@contextmanager
def served(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """A real port behind which a handler of `httpx.MockTransport` answers; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = httpx.Request(self.command, f"http://fake{self.path}", headers=dict(self.headers), content=body)
            response = answer(request)
            self.send_response(response.status_code)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the names http.server asks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


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
