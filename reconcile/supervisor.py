"""Restarts connectors and tasks that failed, so that a passing fault needs no person; gives up on a lasting one.

Kafka Connect itself never restarts a failed task. A failure is followed by restarts with growing pauses; after
`most_restarts` of them without a recovery the supervisor stops trying and says so in a metric. A connector that then
runs again, because somebody mended it, starts with a clean slate; so does one that ran for `forget_after` on its own.
Connectors that somebody paused or stopped are left alone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx
import structlog
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from reconcile.connect import ANYBODY, ConnectAccess, connect_http, connector_path
from reconcile.metrics import Spec
from reconcile.model import Patience

_FAILED: Final = "FAILED"
_RUNNING: Final = "RUNNING"
REFUSED_SCHEMA: Final = re.compile(r"incompatib|error code: 409|RuleViolation", re.IGNORECASE)
"""What a trace says when the registry, Confluent's or Apicurio, refused a schema."""

_log = structlog.get_logger("reconcile.supervisor")

SUPERVISOR_SPECS: Final[dict[str, Spec]] = {
    "reconcile_supervisor_restarts_total": Spec(
        "counter", "Restarts of a failed connector, or of its failed tasks, that were asked for", ("connector",)
    ),
    "reconcile_supervisor_given_up": Spec(
        "gauge", "1 while a connector is failed and restarting it did not help", ("connector",)
    ),
    "reconcile_supervisor_schema_refused": Spec(
        "gauge", "1 while a connector is failed because the registry refused a schema", ("connector",)
    ),
    "reconcile_supervisor_connect_up": Spec("gauge", "1 when Kafka Connect answered the last question", ()),
}


@dataclass
class _Case:
    """What happened to one connector."""

    restarts: int = 0
    """Since it last recovered."""
    restarts_in_all: int = 0
    next_try: float = 0.0
    running_since: float | None = None
    given_up: bool = False
    schema_refused: bool = False


@dataclass
class Supervisor:
    """Looks at connectors and restarts what failed; one thread calls `look`."""

    connect_url: str
    connectors: Sequence[str]
    patience: Patience = field(default_factory=Patience)
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    access: ConnectAccess = ANYBODY
    connect_up: bool = False
    _cases: dict[str, _Case] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cases = {name: _Case() for name in self.connectors}
        self._http = connect_http(self.connect_url, self.transport, self.access)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def look(self) -> None:
        """Look at each connector once, and restart what failed and is due."""
        for name, case in self._cases.items():
            try:
                self._look(name, case)
            except httpx.TransportError as error:
                if self.connect_up:
                    _log.warning("connect does not answer", url=self.connect_url, error=type(error).__name__)
                self.connect_up = False
                return
        self.connect_up = True

    def restarts(self, name: str) -> int:
        """Restarts asked for since this process began."""
        return self._cases[name].restarts_in_all

    def has_given_up(self, name: str) -> bool:
        """Whether the connector is failed and is not restarted any more."""
        return self._cases[name].given_up

    def is_schema_refused(self, name: str) -> bool:
        """Whether the connector is failed because the registry refused a schema."""
        return self._cases[name].schema_refused

    def _look(self, name: str, case: _Case) -> None:
        answer = self._http.get(connector_path(name, "status"))
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            _log.error("connect refuses the login", url=self.connect_url, file=self.access.credentials_file)
        if not answer.is_success:
            return  # not there yet, or a worker that is starting: nothing to restart
        status = answer.json()
        states = _states(status)
        now = self.clock()
        case.schema_refused = _FAILED in states and any(map(REFUSED_SCHEMA.search, _traces(status)))
        if _FAILED in states:
            case.running_since = None
            self._failed(name, case, now, _reason(status))
        elif states == {_RUNNING}:
            self._running(name, case, now)
        else:
            case.running_since = None

    def _running(self, name: str, case: _Case, now: float) -> None:
        if case.given_up:
            _log.info("connector runs again", connector=name)
            case.given_up, case.restarts = False, 0
        case.running_since = now if case.running_since is None else case.running_since
        if case.restarts and now - case.running_since >= self.patience.forget_seconds:
            _log.info("connector has recovered", connector=name, restarts=case.restarts)
            case.restarts = 0

    def _failed(self, name: str, case: _Case, now: float, reason: str) -> None:
        if case.given_up or now < case.next_try:
            return
        if case.restarts >= self.patience.most_restarts:
            case.given_up = True
            _log.error("giving up on a connector", connector=name, restarts=case.restarts, reason=reason)
            return
        answer = self._http.post(connector_path(name, "restart?includeTasks=true&onlyFailed=true"))
        if answer.status_code == httpx.codes.CONFLICT:
            return  # a rebalance; the next look tries again
        pause_seconds = self.patience.pause_seconds(case.restarts)
        case.restarts += 1
        case.restarts_in_all += 1
        case.next_try = now + pause_seconds
        _log.warning(
            "restarting a failed connector",
            connector=name,
            restart=case.restarts,
            of=self.patience.most_restarts,
            next_within_seconds=pause_seconds,
            reason=reason,
            answer=answer.status_code,
        )


def _states(status: Mapping[str, Any]) -> set[str]:
    return {status["connector"]["state"], *(task["state"] for task in status["tasks"])}


def _traces(status: Mapping[str, Any]) -> list[str]:
    return [part.get("trace", "") for part in (status["connector"], *status["tasks"])]


def _reason(status: Mapping[str, Any]) -> str:
    """The class that a trace begins with. Its text may quote row values, so that it stays where it is."""
    first = next((trace for trace in _traces(status) if trace), "")
    return first.partition(":")[0].partition("\n")[0].strip()


class SupervisorCollector(Collector):
    """The supervisor's metrics."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterable[Metric]:
        """Return restarts and given-up connectors, each by connector, and whether Connect answers."""
        shown = self._supervisor
        values: dict[str, dict[tuple[str, ...], float]] = {
            "reconcile_supervisor_restarts_total": {(name,): shown.restarts(name) for name in shown.connectors},
            "reconcile_supervisor_given_up": {(name,): shown.has_given_up(name) for name in shown.connectors},
            "reconcile_supervisor_schema_refused": {
                (name,): shown.is_schema_refused(name) for name in shown.connectors
            },
            "reconcile_supervisor_connect_up": {(): shown.connect_up},
        }
        for name, spec in SUPERVISOR_SPECS.items():
            family = spec.family(name)
            for labels, value in values[name].items():
                family.add_metric(labels, float(value))
            yield family


def supervise(supervisor: Supervisor, every_seconds: float, stop: threading.Event) -> threading.Thread:
    """Look now and every so often until `stop` is set, in a thread of its own."""

    def work() -> None:
        with supervisor:
            while True:
                try:
                    supervisor.look()
                except Exception as error:  # noqa: BLE001 one strange answer must not end the supervision
                    _log.error("looking at the connectors failed", error=f"{type(error).__name__}: {error}")
                if stop.wait(every_seconds):
                    return

    thread = threading.Thread(target=work, name="supervisor", daemon=True)
    thread.start()
    return thread
