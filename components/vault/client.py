"""The few calls of Vault's HTTP API that happen before any provider can log in."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from components.http_retry import REQUEST_TIMEOUT_SECONDS, RETRY_SECONDS, request_with_retries
from components.tls.trust import client_context, distrust


class VaultError(Exception):
    """Vault refused a request, or could not be reached; the message never holds a token or key."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class VaultClient:
    """Talks to one Vault server; connection errors are retried for a minute.

    `trusted` are authorities (PEM) by which the server is verified, besides the system's own.
    """

    def __init__(
        self,
        address: str,
        transport: httpx.BaseTransport | None = None,
        retry_seconds: float = RETRY_SECONDS,
        *,
        trusted: str = "",
    ) -> None:
        verify = client_context(trusted)
        self._http = httpx.Client(base_url=address, timeout=REQUEST_TIMEOUT_SECONDS, transport=transport, verify=verify)
        self._address = address
        self._retry_seconds = retry_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def is_initialized(self) -> bool:
        """GET /v1/sys/init."""
        return bool(self._call("GET", "/v1/sys/init")["initialized"])

    def is_sealed(self) -> bool:
        """GET /v1/sys/seal-status."""
        return bool(self._call("GET", "/v1/sys/seal-status")["sealed"])

    def initialize(self, shares: int, threshold: int) -> tuple[str, list[str]]:
        """PUT /v1/sys/init; returns the root token and the unseal keys, which Vault tells only once."""
        answer = self._call("PUT", "/v1/sys/init", json={"secret_shares": shares, "secret_threshold": threshold})
        return answer["root_token"], list(answer["keys_base64"])

    def unseal(self, keys: list[str]) -> None:
        """PUT /v1/sys/unseal with one key after the other."""
        for key in keys:
            if not self._call("PUT", "/v1/sys/unseal", json={"key": key})["sealed"]:
                return
        raise VaultError(f"Vault at {self._address} is still sealed after all {len(keys)} unseal keys")

    def token_is_valid(self, token: str) -> bool:
        """GET /v1/auth/token/lookup-self."""
        try:
            self._call("GET", "/v1/auth/token/lookup-self", token=token)
        except VaultError as error:
            if error.status == httpx.codes.FORBIDDEN:
                return False
            raise
        return True

    def create_orphan_token(self, parent: str, token_id: str, policy: str) -> None:
        """POST /v1/auth/token/create-orphan: a token with a chosen id that never expires."""
        body = {"id": token_id, "policies": [policy], "display_name": "pulumi", "no_default_policy": True}
        self._call("POST", "/v1/auth/token/create-orphan", token=parent, json=body)

    def revoke(self, token: str) -> None:
        """POST /v1/auth/token/revoke-self."""
        self._call("POST", "/v1/auth/token/revoke-self", token=token)

    def read(self, path: str, token: str) -> dict[str, Any] | None:
        """GET /v1/{path}: its `data`, or None where there is nothing."""
        try:
            return dict(self._call("GET", f"/v1/{path}", token=token)["data"])
        except VaultError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def names(self, path: str, token: str) -> list[str]:
        """GET /v1/{path}?list=true: the names of what is there."""
        found = self.read(f"{path}?list=true", token)
        return list(found["keys"]) if found else []

    def write(self, path: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """POST /v1/{path}: its `data`, if there is any."""
        return dict(self._call("POST", f"/v1/{path}", token=token, json=body or {}).get("data") or {})

    def delete(self, path: str, token: str) -> None:
        """DELETE /v1/{path}. Deleting what is not there is done already."""
        try:
            self._call("DELETE", f"/v1/{path}", token=token)
        except VaultError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    def wrap(self, secret: dict[str, Any], token: str, ttl_seconds: int) -> str:
        """POST /v1/sys/wrapping/wrap: a token with which the secret can be fetched once."""
        headers = {"X-Vault-Wrap-TTL": str(ttl_seconds)}
        answer = self._call("POST", "/v1/sys/wrapping/wrap", token=token, json=secret, headers=headers)
        return str(answer["wrap_info"]["token"])

    def _call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        json: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {**(headers or {}), **({"X-Vault-Token": token} if token else {})}
        try:
            response = request_with_retries(self._http, method, path, self._retry_seconds, headers=headers, json=json)
        except httpx.TransportError as error:
            reason = distrust(error) or f"does not answer ({type(error).__name__}); is its container running?"
            raise VaultError(f"Vault at {self._address} {reason}") from None
        if response.is_error:
            raise VaultError(
                f"Vault at {self._address} refused {method} {path} with {response.status_code}: {_reasons(response)}",
                response.status_code,
            )
        return dict(response.json()) if response.content else {}


def _reasons(response: httpx.Response) -> str:
    try:
        return "; ".join(response.json().get("errors", [])) or "no reason given"
    except ValueError:
        return "no reason given"
