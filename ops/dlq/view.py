"""Shows records of the queue to people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.dlq.decode import Decoder, UndecodableError
from ops.dlq.letters import Letter, State, as_json, counts
from ops.dlq.replay import Report, key_text

_MESSAGE_CHARACTERS: Final = 90


def key_of(letter: Letter, decoder: Decoder) -> Any:
    """Return the decoded key, or text that says why there is none, with the bytes."""
    return _decoded(letter.key, decoder)


def text_of(key: Any) -> str:
    """Return a key as one line."""
    return key_text(key) if isinstance(key, dict) else "none" if key is None else str(key)


def listing(letters: Sequence[Letter], decoder: Decoder, limit: int) -> RenderableType:
    """Return counts by error, and the newest `limit` records."""
    if not letters:
        return Text("no record fits")
    summary = Table("records", "topic", "error", "", title=f"{len(letters)} records")
    for (topic, code, name), count in counts(letters).items():
        summary.add_row(str(count), topic, code, name)
    table = Table("id", "since", "topic", "key", "error", "message", "state")
    for each in letters[-limit:]:
        table.add_row(
            each.id,
            each.dead_at.isoformat(timespec="seconds"),
            each.topic,
            text_of(key_of(each, decoder)),
            f"{each.fault.code} {each.fault.name}",
            _short(each.fault.message),
            each.state.value,
        )
    hidden = len(letters) - limit
    more = [Text(f"{hidden} older records are not shown; --limit shows more")] if hidden > 0 else []
    return Group(summary, table, *more)


def details(letter: Letter, decoder: Decoder) -> dict[str, Any]:
    """Return everything about a record, its value included, as plain data."""
    return {
        **as_json(letter, key_of(letter, decoder)),
        "value": _decoded(letter.value, decoder),
        "trace": letter.fault.trace.strip().splitlines(),
    }


def detail_text(found: dict[str, Any]) -> str:
    """Return `details` for people."""
    return json.dumps(found, indent=2, ensure_ascii=False)


def replay_report(report: Report, decoder: Decoder) -> RenderableType:
    """Return what a replay came to: keys by outcome, then what stays in the queue and why."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in report.outcomes.items()) or "none"
    lines: list[RenderableType] = [Text(f"keys: {outcomes}; records done: {len(report.done)}")]
    if report.open:
        table = Table("id", "topic", "key", "why it stays", title=f"{len(report.open)} records stay in the queue")
        for letter, reason in report.open:
            table.add_row(letter.id, letter.topic, text_of(key_of(letter, decoder)), reason)
        lines.append(table)
    return Group(*lines)


def state_counts(letters: Sequence[Letter]) -> dict[str, int]:
    """Count records by what became of them."""
    return {state.value: sum(each.state is state for each in letters) for state in State}


def _decoded(data: bytes | None, decoder: Decoder) -> Any:
    try:
        return decoder.decode(data)
    except UndecodableError as error:
        return f"unreadable ({error}): 0x{(data or b'').hex()}"


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _MESSAGE_CHARACTERS else line[: _MESSAGE_CHARACTERS - 1] + "…"
