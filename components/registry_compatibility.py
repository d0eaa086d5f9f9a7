"""The compatibility level that a Confluent-API schema registry enforces on every new schema version."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.http_retry import REQUEST_TIMEOUT_SECONDS, RETRY_SECONDS, request_with_retries


class RegistryError(Exception):
    """The registry refused a request, or could not be reached."""


class CompatibilityProvider(ResourceProvider):
    """GET and PUT /config."""

    serialize_as_secret_always = False
    transport: ClassVar[httpx.BaseTransport | None] = None
    retry_seconds: ClassVar[float] = RETRY_SECONDS

    def _request(self, method: str, url: str, json: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=REQUEST_TIMEOUT_SECONDS, transport=self.transport) as client:
                response = request_with_retries(
                    client, method, f"{url.rstrip('/')}/config", self.retry_seconds, json=json
                )
        except httpx.TransportError as error:
            raise RegistryError(
                f"the schema registry at {url} does not answer ({type(error).__name__}); is it running?"
            ) from None
        if response.is_error:
            raise RegistryError(
                f"the schema registry at {url} refused {method} /config"
                f" with {response.status_code}: {response.text[:200]}"
            )
        return dict(response.json())

    def _put(self, props: dict[str, Any]) -> dict[str, Any]:
        self._request("PUT", props["url"], {"compatibility": props["level"]})
        return {"url": props["url"], "level": props["level"]}

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Set the level."""
        return CreateResult(id_=props["url"], outs=self._put(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another registry is another resource; another level is an update."""
        replaces = ["url"] if _olds["url"] != _news["url"] else []
        return DiffResult(changes=bool(replaces) or _olds.get("level") != _news["level"], replaces=replaces)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The level that the registry has now."""
        return ReadResult(id_, {**props, "level": self._request("GET", props["url"]).get("compatibilityLevel", "")})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Set the level."""
        return UpdateResult(outs=self._put(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave the level as it is: a registry always has one."""


class Compatibility(Resource, module="schema-registry", name="Compatibility"):
    """The global compatibility level."""

    url: pulumi.Output[str]
    level: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        url: pulumi.Input[str],
        level: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(CompatibilityProvider(), name, {"url": url, "level": level}, opts)
