"""How commands end when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from reconcile.errors import ExitCode, ReconcileError

_err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def errors() -> Iterator[None]:
    """End with the error's exit code and its message."""
    try:
        yield
    except ReconcileError as error:
        _err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _err.print("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
