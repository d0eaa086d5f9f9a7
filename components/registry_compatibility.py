"""The compatibility level that a Confluent-API schema registry enforces on every new schema version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.http_retry import RETRY_SECONDS
from components.provider_errors import short_errors
from components.registry_client import RegistryClient
from components.tls.provider import TrustingProvider


class CompatibilityProvider(TrustingProvider):
    """GET and PUT /config and /config/<subject>."""

    transport: ClassVar[httpx.BaseTransport | None] = None
    retry_seconds: ClassVar[float] = RETRY_SECONDS

    def _registry(self, props: Mapping[str, Any]) -> RegistryClient:
        return RegistryClient(props["url"], self.transport, self.retry_seconds, trusted=self._trusted)

    def _put(self, props: dict[str, Any]) -> dict[str, Any]:
        with self._registry(props) as registry:
            level = registry.set_level(props["level"], props["subject"])
        return {"url": props["url"], "subject": props["subject"], "level": level}

    @short_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Set the level. A subject that has no schema yet may stay at the global level until a later `up`."""
        return CreateResult(id_=f"{props['url']}/{props['subject']}".rstrip("/"), outs=self._put(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another registry or subject is another resource; another level is an update."""
        replaces = [name for name in ("url", "subject") if _olds.get(name, "") != _news[name]]
        return DiffResult(changes=bool(replaces) or _olds.get("level") != _news["level"], replaces=replaces)

    @short_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The level that is in force now."""
        with self._registry(props) as registry:
            return ReadResult(id_, {**props, "level": registry.level(props.get("subject", ""))})

    @short_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Set the level."""
        return UpdateResult(outs=self._put(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave the level as it is: a registry always has one."""


class Compatibility(Resource, module="schema-registry", name="Compatibility"):
    """The global compatibility level, or that of one subject."""

    url: pulumi.Output[str]
    subject: pulumi.Output[str]
    level: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        url: pulumi.Input[str],
        level: pulumi.Input[str],
        subject: pulumi.Input[str] = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(CompatibilityProvider(), name, {"url": url, "subject": subject, "level": level}, opts)
