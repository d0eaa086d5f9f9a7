"""What all commands of `cdc` share: how they name a stack, print results, and end with an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from components.provider_errors import ProviderError
from ops.errors import OpsError

_err = Console(stderr=True, highlight=False, soft_wrap=True)


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


Stack = Annotated[str, typer.Option(help="dev, testbed, prod or another stack with a Pulumi.<stack>.yaml.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table or json.")]


@contextmanager
def errors(exit_code: int = 1) -> Iterator[None]:
    """End with the exit code and a message for problems that a person can act on."""
    try:
        yield
    except OpsError as error:
        _err.print(f"[bold red]error:[/] {escape(error.message)}")
        if error.hint:
            _err.print(escape(error.hint))
        raise typer.Exit(exit_code) from None
    except ProviderError as error:
        _err.print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _err.print("interrupted; the same command continues where this one stopped")
        raise typer.Exit(130) from None
