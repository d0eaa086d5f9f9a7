"""Gate: a resource that is created when an endpoint serves; what is configured in a service depends on it.

A gate asks at the address that the configuring provider will use (the published port on the host, or the
external address), which a container's own health check does not cover. It owns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.clock import Clock, SystemClock
from components.probes import KINDS, NotReady, probe, split_address
from components.provider_errors import ProviderError, redact, short_errors
from components.tls.provider import TrustingProvider
from components.unknowns import is_unknown

GateKind = Literal["tcp", "http", "postgres", "cql", "cql-tls", "kafka", "kafka-tls"]

_POLL_SECONDS: Final = 1.0
_PROBE_TIMEOUT_SECONDS: Final = 5.0
_WAIT_AGAIN_FOR: Final = ("kind", "address", "expected_statuses", "triggers")
_INPUTS: Final = ("service", *_WAIT_AGAIN_FOR, "timeout_seconds")


@dataclass(frozen=True)
class GateArgs:
    """What to wait for."""

    service: str
    """Name of the service, for messages."""
    kind: GateKind
    """`tcp`: the port accepts; `http`: the URL answers with an expected status; `postgres`, `cql`, `kafka`: the server
    answers the first message of its protocol as a server that is ready; `cql-tls`, `kafka-tls`: so over TLS."""
    address: pulumi.Input[str]
    """`host:port`, or the URL for kind `http`."""
    timeout_seconds: pulumi.Input[int] = 120
    """How long to wait before the deployment fails."""
    expected_statuses: Sequence[int] = (200,)
    """HTTP statuses that mean ready (kind `http` only)."""
    triggers: Sequence[pulumi.Input[str]] = ()
    """When one of these changes, for example a container's id, the gate waits again."""


class Gate(Resource, module="gate", name="Gate"):
    """Succeeds when an endpoint serves. All outputs equal the inputs, so they are known in a preview."""

    service: pulumi.Output[str]
    kind: pulumi.Output[str]
    address: pulumi.Output[str]
    timeout_seconds: pulumi.Output[int]

    def __init__(self, name: str, args: GateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            GateProvider(),
            name,
            {
                "service": args.service,
                "kind": args.kind,
                "address": args.address,
                "timeout_seconds": args.timeout_seconds,
                "expected_statuses": list(args.expected_statuses),
                "triggers": list(args.triggers),
            },
            opts,
        )


class GateProvider(TrustingProvider):
    """Waits in `create`; everything else is bookkeeping."""

    clock: ClassVar[Clock] = SystemClock()

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse an address or kind that no wait could satisfy."""
        failures = [
            CheckFailure(name, reason)
            for name, reason in (
                ("kind", _kind_problem(news.get("kind"))),
                ("address", _address_problem(news.get("kind"), news.get("address"))),
                ("timeout_seconds", _timeout_problem(news.get("timeout_seconds"))),
            )
            if reason
        ]
        return CheckResult(news, failures)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A changed question means waiting again (replacement); another timeout or name does not."""
        changed = [name for name in (*_INPUTS, "__provider") if olds.get(name) != news.get(name)]
        replaces = [name for name in changed if name in _WAIT_AGAIN_FOR]
        return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace=False)

    @short_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Poll until the endpoint serves; fails with the last answer after `timeout_seconds`."""
        self._wait(props)
        return CreateResult(f"{props['kind']}:{props['address']}", _state(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """A gate remembers that it was passed once: a service that is down now is not drift of the gate."""
        return ReadResult(id_, _state(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Take over a new timeout or name without waiting."""
        return UpdateResult(_state(news))

    def _wait(self, props: dict[str, Any]) -> None:
        kind, address, timeout_seconds = props["kind"], props["address"], float(props["timeout_seconds"])
        statuses = [int(status) for status in props.get("expected_statuses") or (200,)]
        give_up_at = self.clock.now() + timeout_seconds
        while True:
            remaining_seconds = max(give_up_at - self.clock.now(), _POLL_SECONDS)
            try:
                self._probe(kind, address, statuses, min(_PROBE_TIMEOUT_SECONDS, remaining_seconds))
                return
            except NotReady as error:
                last_error = str(error)
            if self.clock.now() + _POLL_SECONDS >= give_up_at:
                raise ProviderError(
                    f"{props['service']} at {address} was not ready within {timeout_seconds:g} s "
                    f"({kind}: {last_error}). See whether {props['service']} runs, what it logs and whether "
                    "the address is right; then run the same command again."
                )
            self.clock.sleep(_POLL_SECONDS)

    def _probe(self, kind: str, address: str, statuses: Sequence[int], timeout_seconds: float) -> None:
        probe(kind, address, statuses, timeout_seconds, self._trusted)


def _state(props: dict[str, Any]) -> dict[str, Any]:
    return {name: props[name] for name in _INPUTS if name in props}


def _kind_problem(kind: Any) -> str | None:
    if is_unknown(kind) or kind in KINDS:
        return None
    return f"{kind!r} is no kind of gate; write one of {', '.join(KINDS)}"


def _address_problem(kind: Any, address: Any) -> str | None:
    if is_unknown(kind) or is_unknown(address):
        return None
    if kind == "http":
        parts = urlsplit(str(address))
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        return None if valid else f"{redact(repr(address))} is no URL; write http://host:port/path, without credentials"
    try:
        split_address(str(address))
    except ValueError as error:
        return f"{redact(str(error))}; write for example 127.0.0.1:25432"
    return None


def _timeout_problem(timeout_seconds: Any) -> str | None:
    if is_unknown(timeout_seconds):
        return None
    try:
        valid = float(timeout_seconds) > 0
    except (TypeError, ValueError):
        valid = False
    return None if valid else f"{timeout_seconds!r} is not a number of seconds above 0"
