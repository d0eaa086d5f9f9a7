"""`cdc trace`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from components.observability.jaeger import MOST_TRACES
from ops.command import Format, FormatOption, Stack, errors
from ops.errors import OpsError
from ops.outputs import StackOutputs, Table
from ops.traces.jaeger import Jaeger
from ops.traces.key import key_text
from ops.traces.way import KEY, TABLE, Way, way
from ops.workspace import Workspace
from reconcile.durations import parse_time

SERVICE: Final = "connect"
"""Under which the workers' spans are."""
INCOMPLETE: Final = 3
NOT_FOUND: Final = 4

_out = Console(highlight=False, soft_wrap=True)


def trace(
    table: Annotated[str, typer.Option(help="Source table, such as shop.users.")],
    key: Annotated[
        list[str], typer.Option(help="Value of the key; for a key of several columns once for each, or column=value.")
    ],
    stack: Stack = "",
    since: Annotated[str, typer.Option(help="Oldest changes: 24h, 2025-12-08, 2025-12-08T14:30Z.")] = "24h",
    last: Annotated[int, typer.Option(min=1, help="How many changes of the row, the newest ones.")] = 1,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Show the way of a row's last change from the source's produce to the statement that wrote it, with times.

    Exit code 0: the whole way is there; 3: a step is missing; 4: there is no trace; 1: it cannot be looked for.
    """
    with errors():
        workspace = Workspace()
        outputs = workspace.outputs(workspace.existing_stack(stack))
        found = replicated(outputs, table)
        text = key_text(found, key)
        ways = ways_of(outputs, found, text, _moment(since), last)
        why = "" if ways else explain(outputs, found, text)
        if format_ is Format.JSON:
            document: dict[str, Any] = {"table": found.source, "key": text, "found": [each.as_json() for each in ways]}
            print(json.dumps(document | ({"why": why} if why else {}), indent=2))
        else:
            _out.print(shown(found, text, ways) if ways else why)
        if not ways:
            raise typer.Exit(NOT_FOUND)
        if not all(each.is_complete for each in ways):
            raise typer.Exit(INCOMPLETE)


def replicated(outputs: StackOutputs, source: str) -> Table:
    """Return a replicated table by its name.

    Raises:
        OpsError: there is none of that name.
    """
    found = outputs.table(source)
    if found is None:
        raise OpsError(f"{source} is not replicated.", f"Tables: {', '.join(t.source for t in outputs.tables)}.")
    return found


def ways_of(
    outputs: StackOutputs,
    table: Table,
    key: str,
    since: datetime,
    limit: int,
    transport: httpx.BaseTransport | None = None,
) -> list[Way]:
    """Return the newest changes of a row that were traced, newest first. `transport` is for tests.

    Raises:
        OpsError: the stack has no Jaeger that can be reached from here, or it does not answer.
    """
    url = outputs.endpoints.get("jaeger")
    if not url:
        raise OpsError(
            "The stack has no Jaeger that can be reached from here: it traces nothing, or it runs on Swarm.",
            "`tracing` and `monitoring` have to be true in Pulumi.<stack>.yaml; see docs/tracing.md.",
        )
    with Jaeger(url, transport) as jaeger:
        traces = jaeger.find(SERVICE, {TABLE: table.source, KEY: key}, since, datetime.now(UTC), limit)
        return [way(each, table, jaeger.trace) for each in traces]


def explain(outputs: StackOutputs, table: Table, key: str) -> str:
    """Say why there may be no trace of a row, and what to do."""
    ratio = outputs.trace_sample_ratio
    reasons = []
    if ratio < 1:
        reasons.append(
            f"- {ratio:.4g} of all changes are traced, and this row's may not be among them. To trace each one for a "
            "while: `pulumi config set tracingSampleRatio 1.0`, `make up`, and change the row."
        )
    reasons += [
        f"- Jaeger keeps the newest {MOST_TRACES:,} traces, in memory: it has none from before its last start.",
        f"- The source has not read the change yet: it stays {outputs.confidence_ms} ms behind the clock, and reads "
        f"{outputs.window_ms} ms at a time.",
        "- There was no change: compare the row's key, and look with --since further back than 24h.",
    ]
    return "\n".join([f"no trace of {table.source} {key}", *reasons])


def shown(table: Table, key: str, ways: Sequence[Way]) -> RenderableType:
    """Return the ways for a terminal."""
    return Group(*(part for each in ways for part in _parts(table, key, each)))


def _parts(table: Table, key: str, found: Way) -> Iterator[RenderableType]:
    grid = Grid(
        "step", "at (UTC)", "offset, ms", "took, ms", "what", title=f"{found.operation} of {table.source} {key}"
    )
    for column in grid.columns[2:4]:
        column.justify = "right"
    for step in found.steps:
        took = "" if step.took_us is None else _ms(step.took_us)
        at = step.at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        grid.add_row(step.name, at, _ms(step.offset_us), took, step.detail)
    yield grid
    yield Text(f"trace {found.trace_id}")
    if found.total_us is not None:
        written = "" if found.since_written_us is None else f", {_ms(found.since_written_us)} ms since the write"
        yield Text(f"total {_ms(found.total_us)} ms from produce to commit{written}")
    if found.problem:
        yield Text(f"not written: {found.problem}; refused rows are in `cdc dlq list`, the put of others is repeated")
    elif found.missing:
        yield Text(f"missing: {', '.join(found.missing)}: {_why_missing(found.missing)}")


def _ms(us: int) -> str:
    return f"{us / 1000:,.1f}"


def _moment(text: str) -> datetime:
    try:
        return parse_time(text, datetime.now(UTC))
    except ValueError as problem:
        raise OpsError(str(problem)) from None


def _why_missing(missing: Sequence[str]) -> str:
    if "put" in missing:
        return "the record waits in its topic; `make status` shows whether the sink runs"
    return "its span is not there yet, or was lost; ask again in some seconds"
