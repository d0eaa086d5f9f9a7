"""From the spans of a trace to the steps of a row: written, produced, converted, put, written by a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ops.outputs import Table
from ops.traces.jaeger import Span, Trace

TABLE: Final = "cdc.table"
KEY: Final = "cdc.key"
_OPERATION: Final = "cdc.operation"
_TIMESTAMP: Final = "cdc.source.timestamp_us"
_CAPTURE: Final = "capture"
_PUT: Final = "put"
_RECORDS: Final = "messaging.batch.message_count"
_TOPIC: Final = "messaging.destination.name"
_PARTITION: Final = "messaging.destination.partition.id"
_OFFSETS: Final = ("messaging.kafka.offset", "messaging.kafka.message.offset")
"""By convention: the newer name, the older one."""
_VERB: Final = re.compile(r"\b(?:INSERT|DELETE)\b")
OPERATIONS: Final = {"c": "insert", "u": "update", "d": "delete", "r": "read"}

Fetch = Callable[[str], Trace]
"""Returns the spans of another trace."""


@dataclass(frozen=True)
class Step:
    """One step of a row on its way."""

    name: str
    at_us: int
    """Since 1970."""
    offset_us: int
    """Since the source's produce."""
    took_us: int | None = None
    """None for a moment."""
    detail: str = ""

    @property
    def at(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.at_us / 1e6, UTC)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "step": self.name,
            "at": self.at.isoformat(timespec="microseconds"),
            "offset_ms": self.offset_us / 1000,
            "took_ms": None if self.took_us is None else self.took_us / 1000,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Way:
    """What one trace tells about one change of a row."""

    trace_id: str
    operation: str
    """`insert`, `update` or `delete`."""
    steps: tuple[Step, ...]
    missing: tuple[str, ...]
    """Steps that the trace does not have."""
    problem: str = ""
    """Why the last put has not written it."""
    total_us: int | None = None
    """From the produce to the commit; None while the row is not there."""
    since_written_us: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the row was followed from the source's produce to the statement that wrote it."""
        return not self.missing and not self.problem

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "trace_id": self.trace_id,
            "operation": self.operation,
            "complete": self.is_complete,
            "missing": list(self.missing),
            "problem": self.problem,
            "steps": [step.as_json() for step in self.steps],
            "total_ms": None if self.total_us is None else self.total_us / 1000,
            "since_written_ms": None if self.since_written_us is None else self.since_written_us / 1000,
        }


def way(trace: Trace, table: Table, fetch: Fetch) -> Way:
    """Put the steps of a row together.

    Args:
        trace: spans by their start; one of them is the source's, which names the row.
        table: the row's table.
        fetch: asked for the trace that the batch's statements belong to, where that is another row's.
    """
    capture = next(span for span in trace if span.name == _CAPTURE and KEY in span.tags)
    operation = str(capture.tags.get(_OPERATION, ""))
    # What else was sent meanwhile, such as offsets, is in the trace as well.
    of_table = [span for span in trace if span.tags.get(_TOPIC) == table.topic]
    produce = next((span for span in of_table if span.kind == "producer"), None)
    row = next((span for span in of_table if span.kind == "consumer"), None)
    puts = [span for span in trace if span.name == _PUT]
    put = next((span for span in reversed(puts) if not span.error), puts[-1] if puts else None)
    verb = "DELETE" if operation == "d" else "INSERT"
    statement = _statement(trace, put, table.target, verb, fetch) if put and not put.error else None
    if statement:
        verb = _VERB.findall(statement.name)[0]

    zero_us = (produce or capture).start_us
    written_us = int(capture.tags.get(_TIMESTAMP, 0))
    found = (("produce", produce), ("row", row), ("put", put), (verb, statement))
    steps = [_step(name, span, zero_us) for name, span in found if span]
    if written_us:
        steps.insert(0, Step("written", written_us, written_us - zero_us, detail="by the source's clock"))
    missing = tuple(name for name, span in found if not span)
    problem = put.error if put else ""
    arrived_us = put.end_us if put and statement else None
    return Way(
        capture.id[0],
        OPERATIONS.get(operation, operation),
        tuple(steps),
        missing,
        problem,
        None if arrived_us is None else arrived_us - zero_us,
        None if arrived_us is None or not written_us else arrived_us - written_us,
    )


def _statement(trace: Trace, put: Span, target: str, verb: str, fetch: Fetch) -> Span | None:
    """The last statement of the put that wrote to the table. A batch has statements below the put of one row only."""
    leading = put.links[0] if put.links else put.id
    spans = trace if leading[0] == put.id[0] else fetch(leading[0])
    wrote = re.compile(rf"{_VERB.pattern}.*\b{re.escape(target.rpartition('.')[2])}$")
    found = [span for span in _below(leading, spans) if wrote.search(span.name.replace('"', "")) and not span.error]
    # A later change of the same row in the batch takes the place of this one.
    return next((span for span in reversed(found) if verb in span.name), found[-1] if found else None)


def _below(parent: tuple[str, str], spans: Sequence[Span]) -> Iterator[Span]:
    for span in spans:
        if span.parent == parent:
            yield span
            yield from _below(span.id, spans)


def _step(name: str, span: Span, zero_us: int) -> Step:
    return Step(name, span.start_us, span.start_us - zero_us, span.duration_us, _detail(name, span))


def _detail(name: str, span: Span) -> str:
    if name == _PUT:
        return f"{span.tags.get(_RECORDS, '?')} records"
    if _TOPIC not in span.tags:
        return span.name
    offset = next((span.tags[tag] for tag in _OFFSETS if tag in span.tags), "?")
    return f"{span.tags[_TOPIC]}-{span.tags.get(_PARTITION, '?')}@{offset}"
