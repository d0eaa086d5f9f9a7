"""Changes of a target table that lose something, and so are made only when the configuration asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

EXAMPLE: Final = "[{dropColumn: note}, {renameColumn: {from: nick, to: alias}}, {changeType: {column: amount}}]"
_PARTS: Final = {"renameColumn": {"from", "to"}, "changeType": {"column", "using"}}


class MigrationError(ValueError):
    """An entry of `migrations` that cannot be read. The message shows the entry."""


@dataclass(frozen=True)
class DropColumn:
    """Drop a column that the source no longer has."""

    column: str


@dataclass(frozen=True)
class RenameColumn:
    """Rename a column that the source has under the new name only."""

    column: str
    to: str


@dataclass(frozen=True)
class ChangeType:
    """Give a column the type that the source needs."""

    column: str
    using: str = ""
    """SQL expression of the new value; empty: the old value cast to the new type."""


Migration = DropColumn | RenameColumn | ChangeType


def parse_migrations(entries: Iterable[Any]) -> tuple[Migration, ...]:
    """Read a table's `migrations` as the configuration writes them. Raises MigrationError."""
    return tuple(_parse(entry) for entry in entries)


def _parse(entry: Any) -> Migration:
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise MigrationError(f"migration {entry!r} is not one of dropColumn, renameColumn, changeType")
    ((kind, what),) = entry.items()
    if kind == "dropColumn" and isinstance(what, str) and what:
        return DropColumn(what)
    wanted = _PARTS.get(str(kind), set())
    if not isinstance(what, Mapping) or not wanted or not {*what} <= wanted:
        raise MigrationError(f"migration {dict(entry)!r} cannot be read; write for example {EXAMPLE}")
    try:
        if kind == "renameColumn":
            return RenameColumn(str(what["from"]), str(what["to"]))
        return ChangeType(str(what["column"]), str(what.get("using", "")))
    except KeyError as missing:
        raise MigrationError(f"migration {dict(entry)!r} lacks {missing}; write for example {EXAMPLE}") from None
