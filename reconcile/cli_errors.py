"""How commands end when something goes wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from reconcile.errors import ExitCode, ReconcileError

_err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def errors() -> Iterator[None]:
    """End with the error's exit code and its message; what nobody foresaw never ends like differences that are open."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except ReconcileError as error:
        _err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _err.print("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except Exception:  # noqa: BLE001 Python would end with 1
        traceback.print_exc()
        _err.print("[bold red]error:[/] this is a defect of reconcile, please report the lines above")
        raise typer.Exit(ExitCode.INCOMPLETE) from None
