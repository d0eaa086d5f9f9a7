"""The operator's command line, `cdc`. The Makefile's targets are these commands."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ops import demo as demo_command
from ops import down as down_command
from ops import java_tests
from ops import preview as preview_command
from ops import reconcile as reconcile_command
from ops import screenshot as screenshot_command
from ops import up as up_command
from ops.command import Format, FormatOption, Stack
from ops.command import errors as _errors
from ops.dlq.cli import app as dlq_app
from ops.doctor import diagnose
from ops.errors import OpsError
from ops.schema.cli import app as schema_app
from ops.smoke import DEFAULT_ROWS, run_smoke
from ops.stack_choice import last_stack
from ops.status import show_for_ever, whole_status
from ops.traces.cli import trace
from ops.workspace import Workspace

app = typer.Typer(help="Bring up, watch and take down the CDC pipeline.", no_args_is_help=True, add_completion=False)
app.add_typer(dlq_app, name="dlq")
app.add_typer(schema_app, name="schema")
app.command()(trace)

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)

Args = Annotated[str, typer.Option(help="More arguments for the pulumi command, in one string.")]


@app.command()
def up(
    stack: Stack = "",
    args: Args = "",
    smoke_rows: Annotated[int, typer.Option(min=1, help="Rows of the smoke run.")] = DEFAULT_ROWS,
) -> None:
    """Bring a stack up from nothing and check it with rows of its own."""
    with _errors():
        result = up_command.up(Workspace(), stack, tuple(shlex.split(args)), smoke_rows)
        _out.print(up_command.report(result))
        for problem in result.status.problems():
            _err.print(f"[bold red]problem:[/] {escape(problem)}")
        if not result.status.ok:
            raise typer.Exit(1)


@app.command()
def preview(stack: Stack = "", args: Args = "") -> None:
    """Show what `up` would do; needs no service."""
    with _errors():
        workspace = Workspace()
        name = stack or last_stack(workspace.state_dir) or "dev"
        code = preview_command.preview(workspace, name, tuple(shlex.split(args)), print)
        if code:
            raise typer.Exit(code)


@app.command()
def down(
    stack: Stack = "",
    force: Annotated[bool, typer.Option("--force", help="Do not ask before data is deleted.")] = False,
) -> None:
    """Delete a stack with its data; asks first."""
    with _errors():
        workspace = Workspace()
        name = workspace.existing_stack(stack)
        if not force:
            if not sys.stdin.isatty():
                raise OpsError(f"Deleting stack {name} needs a yes; there is no terminal to ask.", "Use FORCE=1.")
            typer.confirm(down_command.what_is_deleted(workspace, name), abort=True)
        down_command.down(workspace, name)


@app.command()
def status(
    stack: Stack = "",
    format_: FormatOption = Format.TABLE,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every few seconds, until interrupted.")] = False,
) -> None:
    """Show services, connectors, figures, alerts and the passwords' ages; exit code 1 when something is wrong."""
    with _errors():
        workspace = Workspace()
        name = workspace.existing_stack(stack)
        outputs, engine, token = workspace.outputs(name), workspace.docker(name), workspace.vault_token(name)
        if watch:
            show_for_ever(lambda: whole_status(outputs, name, engine, token), _out)
        found = whole_status(outputs, name, engine, token)
        if format_ is Format.JSON:
            print(json.dumps(found.as_json(), indent=2))
        else:
            _out.print(found.table())
            for problem in found.problems():
                _err.print(f"[bold red]problem:[/] {escape(problem)}")
        if not found.ok:
            raise typer.Exit(1)


@app.command()
def doctor(stack: Stack = "", format_: FormatOption = Format.TABLE) -> None:
    """Say what is wrong, what is likely behind it and what to do next; exit code 1 when something is."""
    with _errors():
        workspace = Workspace()
        name = workspace.existing_stack(stack)
        found = whole_status(workspace.outputs(name), name, workspace.docker(name))
        diagnoses = diagnose(found)
        if format_ is Format.JSON:
            print(json.dumps([each.as_json() for each in diagnoses], indent=2))
        elif not diagnoses:
            _out.print("nothing is wrong")
        for each in diagnoses if format_ is Format.TABLE else ():
            _out.print(
                f"[bold red]{escape(each.what)}[/]\n  likely: {escape(each.cause)}\n  next:   {escape(each.step)}"
            )
        if diagnoses:
            raise typer.Exit(1)


@app.command()
def smoke(stack: Stack = "", rows: Annotated[int, typer.Option(min=1, help="Rows to write.")] = DEFAULT_ROWS) -> None:
    """Write, change and delete rows by CQL and measure when PostgreSQL shows it."""
    with _errors():
        workspace = Workspace()
        outputs = workspace.outputs(workspace.existing_stack(stack))
        with workspace.progress.step("smoke run") as step:
            result = run_smoke(outputs, rows, step)
            step.done(result.sentence())
        for name, value in result.figures():
            _out.print(f"{name}: {value}")


@app.command()
def demo(
    stack: Stack = "",
    rate: Annotated[float, typer.Option(min=0.1, help="Changes per second.")] = demo_command.DEFAULT_RATE_PER_SECOND,
    duration: Annotated[
        float, typer.Option(min=0, help="Seconds; 0 means until interrupted.")
    ] = demo_command.DEFAULT_DURATION_SECONDS,
) -> None:
    """Write a stream of demo rows and show how PostgreSQL follows."""
    with _errors():
        workspace = Workspace()
        outputs = workspace.outputs(workspace.existing_stack(stack))
        written = demo_command.run_demo(outputs, rate, duration, workspace.progress.line)
        _out.print(f"{written} changes written")


@app.command()
def screenshot(
    stack: Stack = "",
    rate: Annotated[
        float, typer.Option(min=0.1, help="Changes per second.")
    ] = screenshot_command.DEFAULT_RATE_PER_SECOND,
    duration: Annotated[
        float, typer.Option(min=1, help="Seconds of load before the picture.")
    ] = screenshot_command.DEFAULT_DURATION_SECONDS,
    picture: Annotated[Path, typer.Option(help="PNG file to write.")] = screenshot_command.PICTURE,
) -> None:
    """Put demo load on the stack and take a picture of Prometheus' graphs with Chromium."""
    with _errors():
        workspace = Workspace()
        outputs = workspace.outputs(workspace.existing_stack(stack))
        screenshot_command.take_screenshot(
            outputs, workspace.runner, picture.absolute(), (rate, duration), workspace.progress.line
        )
        _out.print(f"{picture} written")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def reconcile(context: typer.Context, stack: Stack = "") -> None:
    """Compare both databases where the reconcile job runs: `cdc reconcile -- run --table shop.users`."""
    # 1 would say that there are differences.
    with _errors(exit_code=2):
        workspace = Workspace()
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        name = workspace.existing_stack(stack)
        argv = reconcile_command.command(workspace, name, context.args, terminal=terminal)
        # Takes this process's place: signals, terminal and exit code are the command's own.
        os.execvp(argv[0], argv)  # noqa: S606 no shell, on purpose


@app.command()
def env() -> None:
    """Print `export` lines for using the pulumi command itself: eval "$(make -s env)"."""
    with _errors():
        workspace = Workspace()
        for name, value in workspace.variables(workspace.tools()).items():
            print(f"export {name}={shlex.quote(value)}")


@app.command()
def prepare() -> None:
    """Make ready what tests and stacks need: Docker engine, Pulumi CLI and plug-ins, testbed images."""
    with _errors():
        workspace = Workspace()
        up_command.ensure_engine(workspace)
        up_command.ensure_tools(workspace)
        up_command.ensure_stack_images(workspace, "testbed")


@app.command("test-java")
def test_java() -> None:
    """Run the tests of the Java parts with Maven."""
    with _errors():
        workspace = Workspace()
        up_command.ensure_engine(workspace)
        java_tests.run_all(workspace)


if __name__ == "__main__":
    app()
