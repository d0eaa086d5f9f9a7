"""The Confluent REST API of a schema registry."""

from __future__ import annotations

import json
from typing import Any, Final, Self

import httpx

from components.http_retry import REQUEST_TIMEOUT_SECONDS, RETRY_SECONDS, request_with_retries
from components.provider_errors import ProviderError
from components.tls.trust import client_context, distrust

_NOT_FOUND: Final = 404


def subjects_of(topic: str) -> tuple[str, str]:
    """The subjects of a topic's keys and values."""
    return f"{topic}-key", f"{topic}-value"


class RegistryError(ProviderError):
    """The registry refused a request, or could not be reached."""


class RegistryClient:
    """One registry. A context manager. `trusted` are authorities (PEM) that may vouch for it, besides the system's."""

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        retry_seconds: float = RETRY_SECONDS,
        *,
        trusted: str = "",
    ) -> None:
        self._url = url.rstrip("/")
        self._retry_seconds = retry_seconds
        verify = client_context(trusted)
        self._http = httpx.Client(timeout=REQUEST_TIMEOUT_SECONDS, transport=transport, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def level(self, subject: str = "") -> str:
        """The compatibility level in force for a subject, or the global one. Raises RegistryError."""
        if subject:
            own = self._request("GET", f"/config/{subject}", missing_is_none=True)
            if own is not None:
                return str(own["compatibilityLevel"])
        return str((self._request("GET", "/config") or {})["compatibilityLevel"])

    def set_level(self, level: str, subject: str = "") -> str:
        """Set a level and return the one in force.

        Some registries give a level only to subjects that have a schema already; the others follow the global one.
        """
        body = {"compatibility": level}
        answer = self._request("PUT", f"/config/{subject}" if subject else "/config", body, bool(subject))
        return level if answer is not None else self.level()

    def latest(self, subject: str) -> Any:
        """The newest schema of a subject; None when it has none. Raises RegistryError."""
        answer = self._request("GET", f"/subjects/{subject}/versions/latest", missing_is_none=True)
        return None if answer is None else json.loads(answer["schema"])

    def schema(self, schema_id: int) -> Any:
        """The schema of an id; None when there is none. Raises RegistryError."""
        answer = self._request("GET", f"/schemas/ids/{schema_id}", missing_is_none=True)
        return None if answer is None else json.loads(answer["schema"])

    def is_compatible(self, subject: str, schema: Any) -> bool:
        """Whether the subject would take a schema as its next version. Raises RegistryError."""
        body = {"schema": json.dumps(schema)}
        answer = self._request("POST", f"/compatibility/subjects/{subject}/versions/latest", body, missing_is_none=True)
        return answer is None or bool(answer["is_compatible"])

    def forget(self, subject: str) -> bool:
        """Delete a subject's versions, so that the next schema is compared with none; ids stay readable.

        Returns False when there was nothing to delete. Raises RegistryError.
        """
        return self._request("DELETE", f"/subjects/{subject}", missing_is_none=True) is not None

    def _request(self, method: str, path: str, body: Any = None, missing_is_none: bool = False) -> Any:
        try:
            response = request_with_retries(self._http, method, self._url + path, self._retry_seconds, json=body)
        except httpx.TransportError as error:
            reason = distrust(error) or f"does not answer ({type(error).__name__}); is it running?"
            raise RegistryError(f"the schema registry at {self._url} {reason}") from None
        if missing_is_none and response.status_code == _NOT_FOUND:
            return None
        if response.is_error:
            raise RegistryError(
                f"the schema registry at {self._url} refused {method} {path}"
                f" with {response.status_code}: {response.text[:200]}"
            )
        return response.json()
