from __future__ import annotations

import pytest
import typer

from reconcile.cli_errors import errors
from reconcile.errors import ExitCode, UnreachableError


def ended(error: BaseException) -> int:
    with pytest.raises(typer.Exit) as exit_, errors():
        raise error
    return exit_.value.exit_code


def test_a_known_error_ends_with_its_code_and_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(UnreachableError("PostgreSQL at h:5432 [down]")) == ExitCode.UNREACHABLE
    assert capsys.readouterr().err == "error: PostgreSQL at h:5432 [down]\n"


def test_an_error_that_nobody_foresaw_does_not_look_like_open_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(ZeroDivisionError("division by zero")) == ExitCode.INCOMPLETE
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in shown
    assert "please report" in shown


def test_the_end_of_a_command_passes_through() -> None:
    assert ended(typer.Exit(1)) == 1
