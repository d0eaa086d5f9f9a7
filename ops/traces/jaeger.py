"""Jaeger's HTTP API: traces by the tags of one of their spans, and by id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from components.http_retry import REQUEST_TIMEOUT_SECONDS
from components.probes import honours_proxies
from ops.errors import OpsError

MARGIN: Final = 100
"""So many traces more than wanted are asked for: Jaeger orders traces by the span of each that reached it first, and of
two changes within a second that may be the older one's last."""

SpanId = tuple[str, str]
"""Of a span: its trace, and itself within it."""


@dataclass(frozen=True)
class Span:
    """One span."""

    id: SpanId
    name: str
    start_us: int
    """Since 1970."""
    duration_us: int
    tags: Mapping[str, Any]
    parent: SpanId | None = None
    links: tuple[SpanId, ...] = ()

    @property
    def kind(self) -> str:
        """`producer`, `consumer`, ...; empty for a span within its service."""
        return str(self.tags.get("span.kind", ""))

    @property
    def end_us(self) -> int:
        """When it ended."""
        return self.start_us + self.duration_us

    @property
    def error(self) -> str:
        """Why what it stands for failed; empty when it did not."""
        return str(self.tags.get("otel.status_description", "it failed")) if self.tags.get("error") else ""


Trace = Sequence[Span]


class Jaeger:
    """A client of one server. `transport` is for tests."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/api",
            timeout=REQUEST_TIMEOUT_SECONDS,
            transport=transport,
            trust_env=honours_proxies(url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def find(self, service: str, tags: Mapping[str, str], since: datetime, until: datetime, limit: int) -> list[Trace]:
        """Return the newest traces that have a span with all these tags, newest first.

        Raises:
            OpsError: Jaeger does not answer as it should.
        """
        parameters: dict[str, str | int] = {
            "service": service,
            "tags": json.dumps(tags),
            "start": round(since.timestamp() * 1e6),
            "end": round(until.timestamp() * 1e6),
            "limit": limit + MARGIN,
        }
        traces = [_trace(each) for each in self._get("/traces", parameters)]
        return sorted(traces, key=lambda spans: spans[0].start_us, reverse=True)[:limit]

    def trace(self, trace_id: str) -> Trace:
        """Return the spans of a trace by their start; none when Jaeger does not have it any more."""
        return next((_trace(each) for each in self._get(f"/traces/{trace_id}", {})), ())

    def _get(self, path: str, parameters: Mapping[str, str | int]) -> list[Mapping[str, Any]]:
        try:
            answer = self._http.get(path, params=parameters)
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return []
            answer.raise_for_status()
            return list(answer.json()["data"] or ())
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise OpsError(
                f"Jaeger at {self.url} does not answer ({type(error).__name__}).",
                "`make status` shows whether it runs.",
            ) from None


def _trace(data: Mapping[str, Any]) -> Trace:
    return sorted((_span(each) for each in data["spans"]), key=lambda span: span.start_us)


def _span(data: Mapping[str, Any]) -> Span:
    references = [(each["refType"], (each["traceID"], each["spanID"])) for each in data.get("references") or ()]
    return Span(
        id=(data["traceID"], data["spanID"]),
        name=data["operationName"],
        start_us=int(data["startTime"]),
        duration_us=int(data["duration"]),
        tags={tag["key"]: tag["value"] for tag in data.get("tags") or ()},
        parent=next((target for kind, target in references if kind == "CHILD_OF"), None),
        links=tuple(target for kind, target in references if kind == "FOLLOWS_FROM"),
    )
