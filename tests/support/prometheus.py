"""What a stack's Prometheus says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Sample:
    """One series of an answer and its newest value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Prometheus:
    """The API of one server."""

    url: str

    def query(self, expression: str) -> list[Sample]:
        """The series that an expression has now."""
        found = self._get("query", query=expression)["result"]
        return [Sample(each["metric"], float(each["value"][1])) for each in found]

    def value(self, expression: str) -> float | None:
        """The value of an expression that has at most one series."""
        samples = self.query(expression)
        assert len(samples) <= 1, f"{expression}: {samples}"
        return samples[0].value if samples else None

    def firing(self) -> list[Mapping[str, str]]:
        """Labels of all alerts that fire."""
        return [each["labels"] for each in self._get("alerts")["alerts"] if each["state"] == "firing"]

    def targets(self) -> list[Mapping[str, Any]]:
        """All targets with their health."""
        found: list[Mapping[str, Any]] = self._get("targets")["activeTargets"]
        return found

    def _get(self, path: str, **parameters: str) -> Mapping[str, Any]:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=TIMEOUT_SECONDS)
        assert answer.is_success, f"{path} {parameters}: {answer.text}"
        data: Mapping[str, Any] = answer.json()["data"]
        return data
