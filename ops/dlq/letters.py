"""A record of the dead letter queue: where it comes from and why it is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from psycopg import errors

_PREFIX: Final = "__connect.errors."
_SQLSTATE: Final = re.compile(r"\bSQLSTATE ([0-9A-Z]{5})\b")
_FOLLOWER: Final = "DeadKeyException"
_MILLISECONDS: Final = 1000


class State(StrEnum):
    """What became of a record."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Fault:
    """Why a record is in the queue."""

    stage: str
    """Where it failed, in Connect's words: TASK_PUT (the database), KEY_CONVERTER, VALUE_CONVERTER, TRANSFORMATION."""
    error_class: str
    """Full name of the Java class."""
    message: str
    """Without row values where the record failed in the database."""
    trace: str

    @property
    def code(self) -> str:
        """Short name: a SQLSTATE, `follows` (an earlier record of its key is in the queue), or the stage."""
        if self.stage != "TASK_PUT":
            return self.stage.lower()
        if self.error_class.endswith(_FOLLOWER):
            return "follows"
        found = _SQLSTATE.search(self.message)
        return found[1] if found else "unbindable"

    @property
    def name(self) -> str:
        """The SQLSTATE's name, such as CheckViolation, or the Java class without its package."""
        try:
            return errors.lookup(self.code).__name__
        except KeyError:
            return self.error_class.rpartition(".")[2]


@dataclass(frozen=True)
class Letter:
    """One record of the queue."""

    partition: int
    offset: int
    """Where it is in the queue."""
    dead_at: datetime
    topic: str
    """Topic that it comes from."""
    place: str
    """Where it was in that topic: `partition@offset`."""
    fault: Fault
    key: bytes | None = field(repr=False)
    """As it came, in the registry's wire format."""
    value: bytes | None = field(repr=False)
    state: State = State.OPEN
    state_detail: str = ""
    """When and by whom it was replayed or dropped."""

    @property
    def id(self) -> str:
        """Its name on the command line: `partition:offset`."""
        return f"{self.partition}:{self.offset}"

    @property
    def ledger_key(self) -> str:
        """Its name in the ledger; the time keeps it apart from one of a queue that was made again."""
        return f"{self.id}:{round(self.dead_at.timestamp() * _MILLISECONDS)}"


def letter(
    partition: int,
    offset: int,
    timestamp_ms: int,
    headers: Iterable[tuple[str, bytes | None]],
    key: bytes | None,
    value: bytes | None,
) -> Letter:
    """Read a record of the queue, with the headers that Connect gave it."""
    context = {name.removeprefix(_PREFIX): _text(value) for name, value in headers if name.startswith(_PREFIX)}
    return Letter(
        partition=partition,
        offset=offset,
        dead_at=datetime.fromtimestamp(timestamp_ms / _MILLISECONDS, UTC),
        topic=context.get("topic", ""),
        place=f"{context.get('partition', '?')}@{context.get('offset', '?')}",
        fault=Fault(
            stage=context.get("stage", ""),
            error_class=context.get("exception.class.name", ""),
            message=context.get("exception.message", ""),
            trace=context.get("exception.stacktrace", ""),
        ),
        key=key,
        value=value,
    )


def _text(value: bytes | None) -> str:
    return value.decode(errors="replace") if value is not None else ""


def counts(letters: Iterable[Letter]) -> Mapping[tuple[str, str, str], int]:
    """Count by topic, code and name, most frequent first."""
    found = Counter((each.topic, each.fault.code, each.fault.name) for each in letters)
    return dict(found.most_common())


def as_json(each: Letter, key: Any) -> dict[str, Any]:
    """Return a record as plain data; `key` is its decoded key."""
    return {
        "id": each.id,
        "state": each.state.value,
        "state_detail": each.state_detail,
        "dead_at": each.dead_at.isoformat(),
        "topic": each.topic,
        "place": each.place,
        "key": key,
        "error": {
            "code": each.fault.code,
            "name": each.fault.name,
            "stage": each.fault.stage,
            "class": each.fault.error_class,
            "message": each.fault.message,
        },
    }
