"""The command line `reconcile`. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from reconcile import cli_canary, cli_fix, cli_inspect, cli_run, cli_serve
from reconcile.logs import LogFormat, LogLevel, configure_logging
from reconcile.options import ResumableCommand

app = typer.Typer(
    help="Find every difference between ScyllaDB tables and their copies in PostgreSQL, and repair it safely.",
    no_args_is_help=True,
    add_completion=False,
    # A pretty traceback shows local variables, and those hold rows and logins.
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    log_format: Annotated[
        LogFormat, typer.Option(envvar="RECONCILE_LOG_FORMAT", help="How log lines look.")
    ] = LogFormat.TEXT,
    log_level: Annotated[LogLevel, typer.Option(help="The least important lines that are shown.")] = LogLevel.INFO,
) -> None:
    """Set up what all commands share."""
    os.environ["RECONCILE_LOG_FORMAT"] = log_format.value  # runs that the schedule starts log alike
    configure_logging(log_format, log_level)


app.command(cls=ResumableCommand)(cli_run.run)
app.command()(cli_inspect.check)
app.command()(cli_fix.recheck)
app.command()(cli_fix.repair)
app.command()(cli_fix.undo)
app.command()(cli_inspect.status)
app.command()(cli_inspect.show)
app.command()(cli_serve.schedule)
app.command()(cli_serve.serve)
app.command()(cli_canary.canary)
