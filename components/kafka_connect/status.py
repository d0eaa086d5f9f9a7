"""The state of a connector, as Connect's REST API tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.provider_errors import shorten_trace


@dataclass(frozen=True)
class TaskStatus:
    """One task of a connector."""

    id: int
    state: str
    worker: str
    trace: str
    """Why it failed, on one line and without row values; empty unless FAILED."""


@dataclass(frozen=True)
class ConnectorStatus:
    """A connector and its tasks at one moment."""

    name: str
    state: str
    tasks: tuple[TaskStatus, ...]
    trace: str
    """Why the connector itself failed; empty unless FAILED."""

    def is_running(self, tasks: int = 1) -> bool:
        """The connector and at least that many tasks, and all it has, are RUNNING."""
        states = {self.state, *(task.state for task in self.tasks)}
        return states == {"RUNNING"} and len(self.tasks) >= tasks

    @property
    def has_failed(self) -> bool:
        """The connector itself or one of its tasks is FAILED."""
        return self.state == "FAILED" or any(task.state == "FAILED" for task in self.tasks)

    @property
    def summary(self) -> str:
        """States, and the first reason of failure there is."""
        states = ", ".join(f"task {task.id} {task.state}" for task in self.tasks) or "no task yet"
        traces = [self.trace, *(task.trace for task in self.tasks)]
        reason = next((f": {trace}" for trace in traces if trace), "")
        return f"connector {self.state}, {states}{reason}"


def parse_status(answer: dict[str, Any]) -> ConnectorStatus:
    """Read the answer of GET /connectors/{name}/status."""
    connector = answer["connector"]
    tasks = (
        TaskStatus(task["id"], task["state"], task.get("worker_id", ""), shorten_trace(task.get("trace") or ""))
        for task in answer["tasks"]
    )
    return ConnectorStatus(
        name=answer["name"],
        state=connector["state"],
        tasks=tuple(sorted(tasks, key=lambda task: task.id)),
        trace=shorten_trace(connector.get("trace") or ""),
    )
