"""`cdc status`: how the services and the connectors of a stack are doing."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Never
from urllib.parse import urlparse

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from components.kafka_connect.client import ConnectClient
from components.kafka_connect.errors import ConnectError, ConnectorNotFound
from ops.connect import connect_client
from ops.docker import Docker
from ops.outputs import StackOutputs
from ops.rotations import Rotations, rotations
from ops.watching import Watching, watch

_ANSWER_SECONDS: Final = 3.0
_WATCH_SECONDS: Final = 3.0
"""Between two looks of `--watch`."""


@dataclass(frozen=True)
class Service:
    """One service of the stack."""

    name: str
    endpoint: str
    state: str
    ok: bool
    stand_in: str = ""
    """What it really is when it is a stand-in, else empty."""


@dataclass(frozen=True)
class Connector:
    """One connector with its tasks."""

    name: str
    state: str
    tasks: tuple[str, ...]
    ok: bool
    error: str = ""


@dataclass(frozen=True)
class Status:
    """The state of a whole stack."""

    stack: str
    services: tuple[Service, ...]
    connectors: tuple[Connector, ...]
    watching: Watching | None = None
    """What Prometheus says; None where it was not asked, or there is none."""
    rotations: Rotations | None = None
    """What Vault says of its passwords' ages; None where it was not asked."""

    @property
    def ok(self) -> bool:
        """Whether everything runs."""
        return not self.problems()

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain data."""
        return {"ok": self.ok, **asdict(self)}

    def table(self) -> Table:
        """Return the status for a terminal."""
        table = Table("service", "endpoint", "state", "stand-in", title=f"stack {self.stack}")
        for service in self.services:
            table.add_row(service.name, service.endpoint, _colored(service.state, service.ok), service.stand_in)
        for connector in self.connectors:
            tasks = ", ".join(connector.tasks) or "no tasks"
            table.add_row(connector.name, "connector", _colored(f"{connector.state}, tasks: {tasks}", connector.ok), "")
        if self.watching and not self.watching.error:
            table.add_section()
            for name, value in self.watching.lines():
                table.add_row(name, "figure", value, "")
            for alert in self.watching.alerts:
                table.add_row(alert.name, "alert", _colored(alert.severity, alert not in self.watching.critical), "")
        if self.rotations:
            table.add_section()
            _add_rotations(table, self.rotations, datetime.now(UTC))
        return table

    def problems(self) -> list[str]:
        """Return a line for each part that is not well."""
        lines = [f"{service.name}: {service.state}" for service in self.services if not service.ok]
        lines += [f"{part.name}: {part.error or part.state}" for part in self.connectors if not part.ok]
        if self.watching:
            lines += [self.watching.error] if self.watching.error else []
            lines += [f"{alert.name}: {alert.summary} ({alert.runbook})" for alert in self.watching.critical]
        return lines


def _add_rotations(table: Table, rotations: Rotations, now: datetime) -> None:
    if rotations.error:
        table.add_row("passwords", "unknown", rotations.error, "")
    for each in rotations.roles:
        table.add_row(each.role, "password", _colored(each.text(now), each.ok(now)), "")


def _colored(text: str, ok: bool) -> str:
    return f"[green]{text}[/]" if ok else f"[bold red]{text}[/]"


def collect_status(
    outputs: StackOutputs,
    stack: str,
    docker: Docker,
    transport: httpx.BaseTransport | None = None,
    answers: Callable[[str], bool] | None = None,
) -> Status:
    """Ask the Docker engine, the endpoints and Connect. `transport` and `answers` are for tests."""
    services = tuple(_services(outputs, docker, answers or endpoint_answers))
    with connect_client(outputs, transport=transport, retry_timeout_seconds=0) as client:
        connectors = tuple(_connector(client, name) for name in outputs.connectors.values())
    return Status(stack, services, connectors)


def whole_status(outputs: StackOutputs, stack: str, docker: Docker, vault_token: str = "") -> Status:
    """Ask Prometheus as well, where there is one, and Vault, with a token."""
    found = replace(collect_status(outputs, stack, docker), watching=watch(outputs))
    if not vault_token:
        return found
    return replace(found, rotations=rotations(outputs.endpoints["vault"], vault_token, trusted=outputs.trusted))


def show_for_ever(collect: Callable[[], Status], console: Console) -> Never:
    """Show the status in one place of the terminal, every few seconds, until interrupted."""
    with Live(collect().table(), console=console, auto_refresh=False) as screen:
        while True:
            time.sleep(_WATCH_SECONDS)
            screen.update(collect().table(), refresh=True)


def _services(outputs: StackOutputs, docker: Docker, answers: Callable[[str], bool]) -> Iterator[Service]:
    reported = set()
    for name, container_name in outputs.containers.items():
        container = docker.container(container_name)
        key = _endpoint_key(name)
        endpoint = outputs.endpoints.get(key, "")
        reported.add(key)
        state = container.health or container.state if container.state == "running" else container.state
        ok = container.ok
        if ok and endpoint and not answers(endpoint):
            state, ok = f"{state}, but {endpoint} does not answer", False
        if container.restarts:
            state += f", restarted {container.restarts} times"
        yield Service(name, endpoint, state, ok, container.stand_in)
    for key, endpoint in outputs.endpoints.items():
        if key not in reported:
            ok = answers(endpoint)
            yield Service(key, endpoint, "answers" if ok else "does not answer", ok)


def _endpoint_key(service: str) -> str:
    """Return the endpoint of a service: `kafka-1` -> `kafka`, `schema-registry` -> `schema_registry`."""
    name, _, number = service.rpartition("-")
    return (name if number.isdigit() else service).replace("-", "_")


def endpoint_answers(endpoint: str) -> bool:
    """Return whether every address of an endpoint (a URL, or `host:port,host:port`) accepts connections."""
    for address in endpoint.split(","):
        url = urlparse(address if "://" in address else f"tcp://{address}")
        port = url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
        try:
            socket.create_connection((url.hostname or "", port), timeout=_ANSWER_SECONDS).close()
        except OSError:
            return False
    return True


def _connector(client: ConnectClient, name: str) -> Connector:
    try:
        found = client.status(name)
    except ConnectorNotFound:
        return Connector(name, "missing", (), ok=False)
    except ConnectError as error:
        return Connector(name, "unknown", (), ok=False, error=str(error))
    tasks = tuple(task.state for task in found.tasks)
    traces = (found.trace, *(task.trace for task in found.tasks))
    return Connector(name, found.state, tasks, found.is_running(), next((trace for trace in traces if trace), ""))
