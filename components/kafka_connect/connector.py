"""Connector: one connector of a Kafka Connect cluster as a resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import httpx
import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.clock import Clock, SystemClock
from components.kafka_connect.checks import config_problems
from components.kafka_connect.client import ConnectClient
from components.kafka_connect.configs import ConnectorConfig
from components.kafka_connect.errors import ConnectorNotFound, ConnectRejected
from components.kafka_connect.property_names import CLASSES, RESERVED
from components.kafka_connect.status import ConnectorStatus
from components.provider_errors import ProviderError, redact, short_errors
from components.tls.provider import TrustingProvider
from components.unknowns import is_unknown

_INPUTS: Final = ("name", "connect_url", "connector_class", "tasks_max", "config", "timeout_seconds")
_REPLACING: Final = ("name", "connector_class")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_DEFAULT_TIMEOUT_SECONDS: Final = 180


@dataclass(frozen=True)
class ConnectorArgs:
    """A connector and the cluster it belongs to."""

    name: str
    """Name in Connect; also the id of the resource. A sink's consumer group is `connect-<name>`."""
    connect_url: pulumi.Input[str]
    """URL of the REST API, as this machine reaches it. Credentials, if any, are the config keys `connectUser` and
    `connectPassword` of the stack."""
    connector_class: str
    """Full name of the Java class."""
    tasks_max: int
    """Upper bound of parallel tasks."""
    config: Mapping[str, pulumi.Input[str]]
    """Properties without name, connector.class and tasks.max. Secrets only as references that a config provider of the
    worker resolves, such as `${file:/vault/secrets/postgres.properties:password}`."""
    timeout_seconds: int = _DEFAULT_TIMEOUT_SECONDS
    """How long the connector and its tasks may take to run before the deployment fails."""

    @classmethod
    def of(
        cls,
        name: str,
        connect_url: pulumi.Input[str],
        config: ConnectorConfig,
        timeout_seconds: int = _DEFAULT_TIMEOUT_SECONDS,
    ) -> ConnectorArgs:
        """A connector from one of the typed configurations."""
        return cls(name, connect_url, config.connector_class, config.tasks_max, config.to_config(), timeout_seconds)


class Connector(Resource, module="kafka-connect", name="Connector"):
    """Created when the connector and its tasks run; a connector that fails fails the deployment with its message."""

    name: pulumi.Output[str]
    connect_url: pulumi.Output[str]
    connector_class: pulumi.Output[str]
    tasks_max: pulumi.Output[int]
    config: pulumi.Output[dict[str, str]]
    timeout_seconds: pulumi.Output[int]
    state: pulumi.Output[str]
    """RUNNING, PAUSED, STOPPED or `FAILED: <reason>`, as of the last deployment or refresh."""

    def __init__(self, name: str, args: ConnectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            ConnectorProvider(),
            name,
            {
                "name": args.name,
                "connect_url": args.connect_url,
                "connector_class": args.connector_class,
                "tasks_max": args.tasks_max,
                "config": dict(args.config),
                "timeout_seconds": args.timeout_seconds,
                "state": None,
            },
            opts,
        )


class ConnectorProvider(TrustingProvider):
    """PUT is an upsert and the name is the id, so a lost state heals with the next deployment.

    A connector that does not start stays in Connect, so that its status and log can be looked at; the next deployment
    finds it, puts the configuration again and restarts what failed.
    """

    stable_after_start_seconds: ClassVar[float] = 1.0
    stable_after_change_seconds: ClassVar[float] = 12.0
    """Connect shows tasks with the old configuration as RUNNING until it has stopped them, which it gives 5 s, and has
    rebalanced."""
    clock: ClassVar[Clock] = SystemClock()
    transport: ClassVar[httpx.BaseTransport | None] = None
    _basic_auth: tuple[str, str] | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take Connect's credentials, if it asks for any, from the stack's config, so that they are in no state."""
        super().configure(req)
        user, password = req.config.get("connectUser"), req.config.get("connectPassword")
        if user and password:
            self._basic_auth = (str(user), str(password))

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what Connect would ignore, store in clear or fail on; no network."""
        failures = [CheckFailure(name, reason) for name, reason in _argument_problems(news)]
        inputs = {name: news[name] for name in _INPUTS if name in news}
        config = news.get("config")
        if isinstance(config, Mapping):
            problems = config_problems(str(news.get("connector_class")), config)
            failures += [CheckFailure(f'config["{key}"]', f"{key} {reason}") for key, reason in problems]
            inputs["config"] = {key: _property_text(value) for key, value in config.items()}
        elif not is_unknown(config):
            failures.append(CheckFailure("config", "is not a map from property to value"))
        return CheckResult(inputs, failures)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another name or class is another connector; a connector that does not run is put right by an update."""
        changed = [name for name in (*_INPUTS, "__provider") if _comparable(olds, name) != _comparable(news, name)]
        replaces = [name for name in changed if name in _REPLACING]
        return DiffResult(
            changes=bool(changed) or olds.get("state", "RUNNING") != "RUNNING",
            replaces=replaces,
            # Both would have the same name, so the old one has to go first.
            delete_before_replace=bool(replaces) and "name" not in replaces,
        )

    @short_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Put the configuration and wait until the connector and all its tasks run."""
        return CreateResult(props["name"], self._apply(props))

    @short_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What Connect has now: a changed configuration, a failed task, or nothing at all."""
        url = props.get("connect_url")
        if not url:
            raise ProviderError(f"connector {id_} cannot be imported; deploy it, which takes over an existing one")
        with self._client(url) as client:
            existing = _existing(client, id_)
        if existing is None:
            return ReadResult(None, {})
        actual = existing.config
        inputs = {
            "name": id_,
            "connect_url": url,
            "connector_class": actual.get("connector.class", ""),
            "tasks_max": int(actual.get("tasks.max", "1")),
            "config": {key: value for key, value in actual.items() if key not in RESERVED},
            "timeout_seconds": props.get("timeout_seconds", _DEFAULT_TIMEOUT_SECONDS),
        }
        return ReadResult(id_, {**inputs, "state": _state(existing.status)}, inputs)

    @short_errors
    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """As create: put, restart what failed, wait."""
        return UpdateResult(self._apply(news))

    @short_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Delete the connector and wait until it is gone; one that is not there is deleted already."""
        with self._client(props["connect_url"]) as client:
            client.delete(id_)

    def _client(self, url: str) -> ConnectClient:
        auth, trusted = self._basic_auth, self._trusted
        return ConnectClient(url, basic_auth=auth, trusted=trusted, transport=self.transport, clock=self.clock)

    def _apply(self, props: dict[str, Any]) -> dict[str, Any]:
        name, connector_class, wanted = props["name"], props["connector_class"], _properties(props)
        with self._client(props["connect_url"]) as client:
            before = _existing(client, name)
            changed = before is not None and before.config != wanted
            if before is None or changed:
                _put(client, name, connector_class, wanted)
            if before is not None and before.status is not None:
                _revive(client, before.status)
            status = client.wait_running(
                name,
                tasks=_tasks_to_wait_for(connector_class, int(props["tasks_max"])),
                timeout_seconds=float(props.get("timeout_seconds", _DEFAULT_TIMEOUT_SECONDS)),
                stable_seconds=self.stable_after_change_seconds if changed else self.stable_after_start_seconds,
            )
        return {**{key: props[key] for key in _INPUTS if key in props}, "state": _state(status)}


@dataclass(frozen=True)
class _Existing:
    config: dict[str, str]
    status: ConnectorStatus | None


def _existing(client: ConnectClient, name: str) -> _Existing | None:
    try:
        config = client.get_config(name)
    except ConnectorNotFound:
        return None
    try:
        return _Existing(config, client.status(name))
    except ConnectorNotFound:
        return _Existing(config, None)


def _put(client: ConnectClient, name: str, connector_class: str, config: dict[str, str]) -> None:
    try:
        client.put_config(name, config)
    except ConnectRejected as error:
        raise ConnectRejected(f"connector {name} ({connector_class}) was refused: {error}") from None


def _revive(client: ConnectClient, before: ConnectorStatus) -> None:
    """An unchanged task is not restarted by a PUT, so what failed or was paused before needs a request of its own."""
    if before.state in ("PAUSED", "STOPPED"):
        client.resume(before.name)
    if before.has_failed:
        client.restart(before.name, only_failed=True)


def _tasks_to_wait_for(connector_class: str, tasks_max: int) -> int:
    """A sink always makes all its tasks; a source may have work for fewer."""
    known = CLASSES.get(connector_class)
    return tasks_max if known and known.kind == "sink" else 1


def _properties(props: Mapping[str, Any]) -> dict[str, str]:
    """A connector's complete properties, as Connect stores and returns them."""
    return {
        **{key: _property_text(value) for key, value in props["config"].items()},
        "name": props["name"],
        "connector.class": props["connector_class"],
        "tasks.max": str(int(props["tasks_max"])),
    }


def _property_text(value: Any) -> Any:
    """Connect keeps text only; a value that a preview does not know stays as it is."""
    if is_unknown(value):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _state(status: ConnectorStatus | None) -> str:
    """The part of a status that is drift: a task that is moved or restarted at this moment is not."""
    if status is None:
        return "no status yet"
    if status.has_failed:
        return f"FAILED: {status.summary}"
    return status.state if status.state in ("PAUSED", "STOPPED") else "RUNNING"


def _comparable(props: Mapping[str, Any], name: str) -> Any:
    """Numbers come back from the engine as floats."""
    value = props.get(name)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _argument_problems(news: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    name, url, connector_class = news.get("name"), news.get("connect_url"), news.get("connector_class")
    if not is_unknown(name) and not _NAME.fullmatch(str(name or "")):
        problems.append(("name", f"{name!r} is no connector name; write letters, digits, '.', '_' and '-'"))
    if not is_unknown(url) and not _is_url(str(url or "")):
        what = redact(repr(url))
        problems.append(("connect_url", f"{what} is no URL; write for example http://127.0.0.1:28083, no credentials"))
    if not is_unknown(connector_class) and not connector_class:
        problems.append(("connector_class", "is empty; write the full name of the connector's Java class"))
    for count in ("tasks_max", "timeout_seconds"):
        value = news.get(count, 1)
        if not is_unknown(value) and not (isinstance(value, int | float) and value >= 1):
            problems.append((count, f"{value!r} is not a number of 1 or more"))
    return problems


def _is_url(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and not parts.userinfo
