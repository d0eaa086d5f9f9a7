"""`cdc schema check|accept`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from components.registry_client import subjects_of
from ops.command import Format, FormatOption, Stack, errors
from ops.errors import OpsError
from ops.schema.check import open_registry
from ops.schema.stack import check_stack
from ops.workspace import Workspace

app = typer.Typer(
    help="See whether the source tables fit the schema registry and the target tables, and let them change.",
    no_args_is_help=True,
)

_out = Console(highlight=False, soft_wrap=True)
_CANNOT_SAY = 2


@app.command()
def check(
    stack: Stack = "",
    assume: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE.COLUMN=TYPE", help="As if a column had this type; without a type: as if dropped."),
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Compare each source table with the registry and its target.

    Exit code 0: rows can flow; 1: they would stop, and `up` refuses; 2: a service does not answer.
    """
    with errors(exit_code=_CANNOT_SAY):
        workspace = Workspace()
        name = workspace.existing_stack(stack)
        report = check_stack(workspace, name, workspace.outputs(name), assume or ())
        if format_ is Format.JSON:
            print(json.dumps(report.as_json(), indent=2))
        else:
            _out.print(report.table())
        if not report.ok:
            raise typer.Exit(1)


@app.command()
def accept(
    table: Annotated[str, typer.Option(help="Source table, such as shop.users.")],
    stack: Stack = "",
    force: Annotated[bool, typer.Option("--force", help="Do not ask.")] = False,
) -> None:
    """Let the registry take the table's next schema whatever it was before.

    Records that are in the topic already stay readable. Migrate the target as docs/schema-evolution.md says.
    """
    with errors():
        workspace = Workspace()
        outputs = workspace.outputs(workspace.existing_stack(stack))
        found = outputs.table(table)
        if found is None:
            raise OpsError(f"{table} is not replicated.", f"Tables: {', '.join(t.source for t in outputs.tables)}.")
        if not force:
            typer.confirm(f"Delete the registry's versions of {table}, so that any next schema is taken?", abort=True)
        with open_registry(outputs) as registry:
            forgotten = [subject for subject in subjects_of(found.topic) if registry.forget(subject)]
        _out.print(f"forgotten: {', '.join(forgotten) or 'nothing, the registry had no schema'}")
