"""Write docs/reconcile-reference.md from the reconcile package: commands with their options, metrics, tables.

`python -m ops.reconcile_reference` writes it, `--check` fails when it is not current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from typer.main import get_command

from ops.project import PROJECT_DIR
from reconcile.cli import app
from reconcile.metrics import SPECS
from reconcile.migrations import load_migrations
from reconcile.serve import NEXT_RUN, NEXT_RUN_HELP
from reconcile.supervisor import SUPERVISOR_SPECS

DOCUMENT: Final = PROJECT_DIR / "docs" / "reconcile-reference.md"
_INTRODUCTION: Final = """# Reconcile: reference

Generated from the package by `python -m ops.reconcile_reference`; do not edit. What the commands are for, the
configuration file and the exit codes are in [reconcile.md](reconcile.md).
"""
_TABLE: Final = re.compile(r"^CREATE TABLE (?P<name>\w+) \((?P<body>.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN: Final = re.compile(r"^    (?P<name>[a-z_]+) +(?P<type>(?:double precision|[a-z]+(?:\[\])?))", re.MULTILINE)
_COMMENT: Final = re.compile(
    r"^COMMENT ON (?:TABLE|COLUMN) (?P<on>[\w.]+) IS\s+(?P<text>(?:'(?:[^']|'')*'\s*)+);", re.MULTILINE
)


_NAMES: Final = {int: "N", float: "N", Path: "FILE", list[str]: "KEYSPACE.TABLE"}
"""What stands for a value of a type."""


def render() -> str:
    """Return the document."""
    return "\n".join([_INTRODUCTION, *_commands(), *_metrics(), *_tables()])


def commands() -> dict[str, Any]:
    """Return the commands of the command line by name."""
    found: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined] # it is a group
    return found


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "Options of all commands, before the command's name:\n"
    yield from _options(get_command(app).params)
    for name, command in commands().items():
        yield f"### `reconcile {name}`\n"
        yield f"{command.help}\n"
        yield from _options(command.params)


def _options(parameters: list[Any]) -> Iterator[str]:
    yield "| option | value | default | meaning |\n|---|---|---|---|"
    for parameter in parameters:
        if parameter.name != "help":
            yield _option(parameter)
    yield ""


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name if name.startswith('-') else parameter.metavar}`" for name in parameter.opts)
    value = "" if parameter.type_descriptor.annotation is bool else _value(parameter)
    default = parameter.default
    shown = "" if default in (None, "", False, [], ()) or callable(default) else f"`{default}`"
    if parameter.required:
        shown = "required"
    variable = f" (`{parameter.envvar}`)" if getattr(parameter, "envvar", None) else ""
    return f"| {names} | {value} | {shown} | {_cell(parameter.help)}{variable} |"


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{choice}`" for choice in kind)
    return str(parameter.metavar or _NAMES.get(kind, "TEXT"))


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "| metric | type | labels | meaning |\n|---|---|---|---|"
    for name, spec in (SPECS | SUPERVISOR_SPECS).items():
        labels = ", ".join(f"`{label}`" for label in spec.labels)
        yield f"| `{name}` | {spec.kind} | {labels} | {_cell(spec.help)} |"
    yield f"| `{NEXT_RUN}` | gauge | | {NEXT_RUN_HELP} |\n"


def _tables() -> Iterator[str]:
    yield "## Tables\n"
    yield "In the target database, schema `reconcile` (`postgres.bookkeeping_schema`); made by the first run.\n"
    statements = "\n".join(migration.statements for migration in load_migrations())
    comments = {match["on"]: _joined(match["text"]) for match in _COMMENT.finditer(statements)}
    for table in _TABLE.finditer(statements):
        name = table["name"]
        yield f"### `{name}`\n"
        yield f"{comments.get(name, '')}\n"
        yield "| column | type | meaning |\n|---|---|---|"
        for column in _COLUMN.finditer(table["body"]):
            meaning = _cell(comments.get(f"{name}.{column['name']}", ""))
            yield f"| `{column['name']}` | {column['type']} | {meaning} |"
        yield ""


def _joined(literals: str) -> str:
    """Return the text of SQL literals that stand one after the other."""
    return "".join(part.replace("''", "'") for part in re.findall(r"'((?:[^']|'')*)'", literals))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(argv: list[str], document: Path = DOCUMENT) -> int:
    """Write the document, or with `--check` compare it."""
    wanted = render()
    if "--check" in argv:
        current = document.exists() and document.read_text() == wanted
        if not current:
            print(f"{document.name} is not current; run python -m ops.reconcile_reference", file=sys.stderr)
        return 0 if current else 1
    document.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
