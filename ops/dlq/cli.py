"""`cdc dlq list|show|replay|drop`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from components.registry_client import RegistryClient
from ops.command import Format, FormatOption, Stack, errors
from ops.connect import connect_client
from ops.dlq.decode import Decoder
from ops.dlq.letters import Letter, State, as_json
from ops.dlq.queue import Kafka, Queue
from ops.dlq.replay import DatabaseReplay, Replay, revive_sink
from ops.dlq.selection import Selection
from ops.dlq.view import detail_text, details, key_of, listing, replay_report, state_counts, text_of
from ops.errors import OpsError
from ops.outputs import StackOutputs
from ops.workspace import Workspace
from reconcile.durations import parse_time

app = typer.Typer(
    help="Look at the dead letter queue of the sink, write its rows again, or give them up. The source has none: "
    "Kafka Connect knows dead letter queues for sinks only, so the source retries, stops, and alerts.",
    no_args_is_help=True,
)

_out = Console(highlight=False, soft_wrap=True)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Records as `cdc dlq list` names them.")]
Topic = Annotated[str, typer.Option(help="Topic, source table or target table.")]
Error = Annotated[str, typer.Option(help="Part of the SQLSTATE, its name, the class or the message.")]
KeyPart = Annotated[str, typer.Option("--key", help="Part of the key, such as id=4711.")]
Since = Annotated[str, typer.Option(help="In the queue since then: 24h, 2025-12-08 or 2025-12-08T14:30Z.")]
Until = Annotated[str, typer.Option(help="In the queue before then.")]
All = Annotated[bool, typer.Option("--all", help="Every open record.")]


@dataclass(frozen=True)
class _Opened:
    outputs: StackOutputs
    queue: Queue
    decoder: Decoder

    def select(self, selection: Selection) -> list[Letter]:
        names = {table.topic: (table.topic, table.source, table.target) for table in self.outputs.tables}
        return selection.of(
            self.queue.letters(),
            lambda topic: names.get(topic, (topic,)),
            lambda letter: text_of(key_of(letter, self.decoder)),
        )


@contextmanager
def _open(stack: str) -> Iterator[_Opened]:
    workspace = Workspace()
    outputs = workspace.outputs(workspace.existing_stack(stack))
    kafka = Kafka.of(outputs)
    with RegistryClient(outputs.endpoints["schema_registry"], trusted=outputs.trusted) as registry:
        queue = Queue(kafka, outputs.topics["dlq"], outputs.topics["dlq_ledger"])
        yield _Opened(outputs, queue, Decoder(registry))


def _selection(
    ids: list[str] | None, topic: str, error: str, key: str, since: str, until: str, *, every_state: bool = False
) -> Selection:
    now = datetime.now(UTC)
    try:
        first, last = (parse_time(text, now) if text else None for text in (since, until))
    except ValueError as problem:
        raise OpsError(str(problem)) from None
    return Selection(tuple(ids or ()), topic, error, key, first, last, every_state)


@app.command("list")
def list_(
    stack: Stack = "",
    topic: Topic = "",
    error: Error = "",
    key: KeyPart = "",
    since: Since = "",
    until: Until = "",
    every: Annotated[bool, typer.Option("--all", help="Also what was replayed or dropped.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Records shown, the newest ones.")] = 50,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Show what is in the queue, and why."""
    with errors(), _open(stack) as opened:
        letters = opened.select(_selection(None, topic, error, key, since, until, every_state=every))
        if format_ is Format.JSON:
            records = [as_json(each, key_of(each, opened.decoder)) for each in letters]
            print(json.dumps({"counts": state_counts(letters), "records": records}, indent=2))
        else:
            _out.print(listing(letters, opened.decoder, limit))


@app.command()
def show(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Records as `cdc dlq list` names them.")],
    stack: Stack = "",
) -> None:
    """Show records with key, value and the whole error, as JSON. Values may be confidential."""
    with errors(), _open(stack) as opened:
        letters = opened.select(Selection(ids=tuple(ids), every_state=True))
        _require(letters, ids)
        found = [details(each, opened.decoder) for each in letters]
        print("\n".join(detail_text(each) for each in found))


@app.command()
def replay(
    ids: Ids = None,
    stack: Stack = "",
    topic: Topic = "",
    error: Error = "",
    key: KeyPart = "",
    since: Since = "",
    until: Until = "",
    every: All = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Write the rows that the records' keys have in ScyllaDB now; nothing newer is overwritten.

    Cure the cause first. The sink is restarted (about a second), so that it takes later changes of these keys again.
    Exit code 1 when some records stay in the queue.
    """
    with errors(), _open(stack) as opened, connect_client(opened.outputs) as connect:
        letters = _chosen(opened, _selection(ids, topic, error, key, since, until), every=every)
        run = Replay(
            opened.outputs,
            opened.queue,
            opened.decoder,
            DatabaseReplay(opened.outputs),
            lambda: revive_sink(opened.outputs, connect),
            lambda text: Console(stderr=True).print(text),
        )
        report = run.run(letters)
        if format_ is Format.JSON:
            left: list[dict[str, Any]] = [{"id": letter.id, "reason": reason} for letter, reason in report.open]
            done = [letter.id for letter in report.done]
            print(json.dumps({"keys": report.outcomes, "done": done, "open": left}, indent=2))
        else:
            _out.print(replay_report(report, opened.decoder))
        if report.open:
            raise typer.Exit(1)


@app.command()
def drop(
    ids: Ids = None,
    stack: Stack = "",
    topic: Topic = "",
    error: Error = "",
    key: KeyPart = "",
    since: Since = "",
    until: Until = "",
    every: All = False,
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> None:
    """Give records up. Their rows stay as they are in PostgreSQL until their next change; reconcile finds them."""
    with errors(), _open(stack) as opened:
        letters = _chosen(opened, _selection(ids, topic, error, key, since, until), every=every)
        if not force:
            typer.confirm(f"Give up {len(letters)} records without writing their rows?", abort=True)
        opened.queue.note(letters, State.DROPPED)
        _out.print(f"{len(letters)} records dropped")


def _chosen(opened: _Opened, selection: Selection, *, every: bool) -> list[Letter]:
    if selection.is_everything != every:
        raise OpsError("Say which records: ids, --topic, --error, --key, --since, --until, or --all alone for all.")
    letters = opened.select(selection)
    if selection.ids:
        _require(letters, selection.ids)
    return letters


def _require(letters: list[Letter], ids: list[str] | tuple[str, ...]) -> None:
    missing = sorted(set(ids) - {each.id for each in letters})
    if missing:
        raise OpsError(f"No such open record: {', '.join(missing)}.", "`cdc dlq list --all` shows all of them.")
