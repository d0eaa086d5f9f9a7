"""Kafka Connect's REST API, as far as the deployment and the operator's tools need it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception_type, wait_exponential

from components.clock import Clock, SystemClock
from components.kafka_connect.errors import (
    ConnectConflict,
    ConnectError,
    ConnectorNotFound,
    ConnectorNotRunning,
    ConnectRejected,
    ConnectUnavailable,
)
from components.kafka_connect.status import ConnectorStatus, parse_status
from components.probes import honours_proxies
from components.provider_errors import redact
from components.tls.trust import client_context, distrust

T = TypeVar("T")

_TIMEOUT: Final = httpx.Timeout(10.0, read=100.0)
"""Seconds. A worker itself gives up on a request after 90 s, for example while a connector validates its config."""
_POLL_SECONDS: Final = 1.0
_FAILED_POLLS: Final = 3  # FAILED may be left from before a restart that is under way
_MESSAGE_CHARACTERS: Final = 2000
_PLUGIN_DESCRIPTION: Final = re.compile(r"PluginDesc\{[^}]*?name='([^']*)'[^}]*\}")
"""Connect lists the classes it has, with all it knows about them; the name is enough."""


@dataclass(frozen=True)
class ConnectorPlugin:
    """A connector class that the workers can load."""

    class_name: str
    type: str
    version: str


class ConnectClient:
    """One Connect cluster. Safe for use from several threads; close it or use it in a `with` block.

    Requests that meet a rebalance (409), a worker that starts, or no worker at all are repeated with growing pauses for
    `retry_timeout_seconds`. `trusted` are authorities (PEM) by which workers are verified, besides the system's own.
    """

    def __init__(
        self,
        base_url: str,
        *,
        basic_auth: tuple[str, str] | None = None,
        trusted: str = "",
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
        retry_timeout_seconds: float = 60.0,
    ) -> None:
        self._url = base_url.rstrip("/")
        self._clock = clock or SystemClock()
        self._retry_timeout_seconds = retry_timeout_seconds
        self._http = httpx.Client(
            base_url=self._url,
            auth=basic_auth,
            transport=transport,
            verify=client_context(trusted),
            timeout=_TIMEOUT,
            trust_env=honours_proxies(self._url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def connectors(self) -> tuple[str, ...]:
        """GET /connectors: all names, sorted."""
        return tuple(sorted(self._json("GET", "/connectors")))

    def plugins(self) -> tuple[ConnectorPlugin, ...]:
        """GET /connector-plugins: the connector classes that can be loaded."""
        return tuple(
            ConnectorPlugin(plugin["class"], plugin.get("type") or "", plugin.get("version") or "")
            for plugin in self._json("GET", "/connector-plugins")
        )

    def validate(self, connector_class: str, config: Mapping[str, str]) -> dict[str, list[str]]:
        """PUT /connector-plugins/{class}/config/validate: property -> errors, only those that have some.

        The connector may open connections to its database while it validates.
        """
        path = f"/connector-plugins/{quote(connector_class, safe='')}/config/validate"
        answer = self._json("PUT", path, {**config, "connector.class": connector_class})
        values = (entry["value"] for entry in answer["configs"])
        return {value["name"]: [redact(error) for error in value["errors"]] for value in values if value["errors"]}

    def get_config(self, name: str) -> dict[str, str]:
        """GET /connectors/{name}/config.

        Raises:
            ConnectorNotFound: there is none.
        """
        return dict(self._json("GET", _path(name, "config")))

    def put_config(self, name: str, config: Mapping[str, str]) -> None:
        """PUT /connectors/{name}/config: create the connector or replace its configuration.

        Raises:
            ConnectRejected: the connector's own validation refused it; the message says which property.
        """
        self._json("PUT", _path(name, "config"), dict(config))

    def status(self, name: str) -> ConnectorStatus:
        """GET /connectors/{name}/status.

        Raises:
            ConnectorNotFound: there is none, or it was created a moment ago.
        """
        return parse_status(self._json("GET", _path(name, "status")))

    def restart(self, name: str, *, include_tasks: bool = True, only_failed: bool = False) -> None:
        """POST /connectors/{name}/restart: asks for it; the restart itself comes later."""
        flags = f"includeTasks={str(include_tasks).lower()}&onlyFailed={str(only_failed).lower()}"
        self._request("POST", f"{_path(name, 'restart')}?{flags}")

    def resume(self, name: str) -> None:
        """PUT /connectors/{name}/resume: undo a pause or a stop."""
        self._request("PUT", _path(name, "resume"))

    def delete(self, name: str) -> None:
        """DELETE /connectors/{name}, and wait until it is gone. Deleting what is not there is done already."""
        try:
            self._request("DELETE", _path(name))
        except ConnectorNotFound:
            return
        give_up_at = self._clock.now() + self._retry_timeout_seconds
        while True:
            try:
                self._request("GET", _path(name, "config"))
            except ConnectorNotFound:
                return
            if self._clock.now() + _POLL_SECONDS >= give_up_at:
                raise ConnectUnavailable(
                    f"connector {name} was deleted but is still there after {self._retry_timeout_seconds:g} s; "
                    "look at the log of the Connect worker, then run the same command again"
                )
            self._clock.sleep(_POLL_SECONDS)

    def wait_running(
        self, name: str, *, tasks: int = 1, timeout_seconds: float = 120.0, stable_seconds: float = 1.0
    ) -> ConnectorStatus:
        """Wait until the connector and all its tasks, at least `tasks`, run and still run `stable_seconds` later.

        RUNNING right after a start proves nothing, and right after a change it may be that of the old tasks.

        Raises:
            ConnectorNotRunning: something is FAILED, with its trace, or the time is over. The connector is left as it
                is, so that it can be looked at.
        """
        give_up_at = self._clock.now() + timeout_seconds
        running_since: float | None = None
        failed_polls = 0
        while True:
            now = self._clock.now()
            try:
                status = parse_status(self._send("GET", _path(name, "status")).json())
            except (ConnectUnavailable, ConnectConflict, ConnectorNotFound) as error:
                running_since, failed_polls, last = None, 0, str(error)
            else:
                running_since = (running_since or now) if status.is_running(tasks) else None
                failed_polls = failed_polls + 1 if status.has_failed else 0
                last = status.summary
                if running_since is not None and now - running_since >= stable_seconds:
                    return status
            if failed_polls >= _FAILED_POLLS:
                raise ConnectorNotRunning(f"connector {name} failed: {last}. {_advice(name)}")
            if now + _POLL_SECONDS >= give_up_at:
                raise ConnectorNotRunning(
                    f"connector {name} was not running after {timeout_seconds:g} s: {last}. {_advice(name)}"
                )
            self._clock.sleep(_POLL_SECONDS)

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        return self._request(method, path, body).json()

    def _request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self._with_retries(lambda: self._send(method, path, body))

    def _with_retries(self, call: Callable[[], T]) -> T:
        give_up_at = self._clock.now() + self._retry_timeout_seconds
        return Retrying(
            retry=retry_if_exception_type((ConnectUnavailable, ConnectConflict)),
            wait=wait_exponential(multiplier=0.25, max=5),
            stop=lambda state: self._clock.now() + state.upcoming_sleep >= give_up_at,
            sleep=self._clock.sleep,
            reraise=True,
        )(call)

    def _send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            if reason := distrust(error):
                raise ConnectRejected(f"Kafka Connect at {redact(self._url)} {reason}") from error
            raise ConnectUnavailable(
                f"Kafka Connect at {redact(self._url)} does not answer ({type(error).__name__}: {error}); "
                "see whether the worker runs and what it logs"
            ) from error
        if response.is_success:
            return response
        raise self._error(method, path, response)

    def _error(self, method: str, path: str, response: httpx.Response) -> ConnectError:
        status, (code, message) = response.status_code, _server_message(response)
        text = f"Kafka Connect answered {status} to {method} {path}: {message}"
        if status == 409:
            return ConnectConflict(text)
        if status == 404 and code == 404 and path.startswith("/connectors/"):
            return ConnectorNotFound(text)
        if status == 404 and not response.content:
            return ConnectUnavailable(f"Kafka Connect at {redact(self._url)} is starting (404 without a body)")
        if status in (401, 403):
            return ConnectRejected(f"{text}; set connectUser and connectPassword in the stack's config")
        if status in (502, 503, 504) or (status == 500 and _is_passing(message)):
            return ConnectUnavailable(text)
        return ConnectRejected(text)


def _advice(name: str) -> str:
    return (
        f"The connector stays for you to look at (GET /connectors/{name}/status, the worker's log); "
        "put the cause right and run the same command again"
    )


def _path(name: str, part: str = "") -> str:
    return f"/connectors/{quote(name, safe='')}" + (f"/{part}" if part else "")


def _server_message(response: httpx.Response) -> tuple[int | None, str]:
    """Connect's own error code and message; no code when the answer does not come from Connect."""
    try:
        answer = response.json()
        code, message = answer["error_code"], str(answer.get("message"))
    except (ValueError, KeyError, TypeError):
        code, message = None, response.text[:200].strip() or "no message"
    return code, redact(_PLUGIN_DESCRIPTION.sub(r"\1", message))[:_MESSAGE_CHARACTERS]


def _is_passing(message: str) -> bool:
    """A 500 that means "not now": the herder was busy with a rebalance or the leader could not be reached."""
    return any(text in message for text in ("timed out", "forward REST request", "Leader"))
