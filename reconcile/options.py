"""The options of the command line that several commands share, and those of `run`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from reconcile.durations import parse_seconds, parse_time
from reconcile.errors import ConfigError
from reconcile.model import Kind, Mode, RepairPolicy, Strategy
from reconcile.progress import ProgressStyle

LIMITS = "Throttles and limits"
OUTPUT = "Output"
LAST = "last"
"""What `--resume` without a run means: the last unfinished run of each table."""


class OutputFormat(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def seconds(text: str) -> float:
    """A duration, for typer."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def moment(text: str) -> datetime:
    """A time, for typer."""
    try:
        return parse_time(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def kinds(text: str) -> frozenset[Kind]:
    """Kinds of differences separated by commas; `none` for none of them."""
    names = [] if text == "none" else [name.strip() for name in text.split(",")]
    try:
        return frozenset(Kind(name) for name in names)
    except ValueError:
        allowed = ", ".join(kind.value for kind in Kind)
        raise typer.BadParameter(f"{text!r}: write none, or some of {allowed} with commas between them") from None


def names(text: str) -> frozenset[str]:
    """Names separated by commas. (typer would take a tuple for an option with several values.)"""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


class PlainFormat(StrEnum):
    """How a result is printed that comes at once."""

    TEXT = "text"
    JSON = "json"


class FallbackMode(StrEnum):
    """What takes the place of an incremental run that cannot look back far enough."""

    NONE = "none"
    FULL = "full"


class ResumableCommand(typer.core.TyperCommand):
    """Lets `--resume` stand alone, which typer's options cannot."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a lone `--resume` its value."""
        if "--resume" in args:
            at = args.index("--resume") + 1
            if at == len(args) or args[at].startswith("-"):
                args = [*args[:at], LAST, *args[at:]]
        return super().parse_args(ctx, args)


Config = Annotated[
    Path | None,
    typer.Option(envvar="RECONCILE_CONFIG", help="Configuration file; ./reconcile.yaml by default."),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--table", help="Source table, keyspace.table; may be given several times. All configured ones if not given."
    ),
]
Run = Annotated[str, typer.Option("--run", help="Id of the run, as `status` and every summary show it.")]
Format = Annotated[
    OutputFormat,
    typer.Option("--format", help="jsonl prints every finding at once, then the summary.", rich_help_panel=OUTPUT),
]
Plain = Annotated[PlainFormat, typer.Option("--format", help="How the result is printed.", rich_help_panel=OUTPUT)]
Output = Annotated[
    Path | None, typer.Option(help="Write the result to this file instead of standard output.", rich_help_panel=OUTPUT)
]
EmitSql = Annotated[
    Path | None,
    typer.Option(
        help="Write a commented DELETE for each extra row to this file; nothing runs it.", rich_help_panel=OUTPUT
    ),
]
Progress = Annotated[
    ProgressStyle,
    typer.Option(help="auto: a bar on a terminal, a line each 30 s elsewhere.", rich_help_panel=OUTPUT),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do every step of a repair and roll it back.")]

RunMode = Annotated[Mode | None, typer.Option("--mode", help="full by default, incremental with --since.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Rows changed since: 24h, 7d, 2025-12-08, 2025-12-08T14:30Z. Without it an incremental run begins where "
        "the last complete one ended, and at least schedule.since ago.",
    ),
]
Until = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="End of the window; now by default.")
]
Fallback = Annotated[
    FallbackMode,
    typer.Option(help="full: compare everything where the CDC log does not reach back to --since, or to the last run."),
]
RunStrategy = Annotated[
    Strategy | None,
    typer.Option(
        "--strategy",
        help="How a full run joins both sides: lookup by key (the default), or merge with one export of PostgreSQL.",
    ),
]
PageSize = Annotated[int | None, typer.Option("--page-size", min=1, help="Rows compared at a time; 10000 by default.")]
Repair = Annotated[
    RepairPolicy | None, typer.Option("--repair", help="Which confirmed differences are repaired; none by default.")
]
Resume = Annotated[
    str,
    typer.Option(
        metavar="[RUN]",
        help="Go on with an unfinished run: the last one of each table, or that of the id.",
        show_default=False,
    ),
]
IgnoreColumns = Annotated[
    frozenset[str] | None,
    typer.Option(
        parser=names, metavar="A,B", help="Columns that are not compared; in addition to the configured ones."
    ),
]
FailOn = Annotated[
    frozenset[Kind] | None,
    typer.Option(
        parser=kinds,
        metavar="KINDS",
        help="Open differences that end in exit code 1: some of missing,mismatch,extra,invalid_key, or none.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; one for each CPU by default.")]
Executor = Annotated[Literal["process", "dask"] | None, typer.Option(help="Where the units run; process by default.")]
Scheduler = Annotated[str | None, typer.Option(metavar="URL", help="Dask's scheduler, such as tcp://dask:8786.")]
MaxRows = Annotated[
    float | None,
    typer.Option(
        "--max-rows-per-second", min=1, help="Limit of the whole run; none by default.", rich_help_panel=LIMITS
    ),
]
MaxLag = Annotated[
    float | None,
    typer.Option(
        parser=seconds,
        metavar="DURATION",
        help="Confirm nothing while the pipeline is further behind; 120s by default.",
        rich_help_panel=LIMITS,
    ),
]
Settle = Annotated[
    float | None,
    typer.Option(
        parser=seconds,
        metavar="DURATION",
        help="How long a difference must stand; twice the source's windows by default.",
        rich_help_panel=LIMITS,
    ),
]
MaxRepairs = Annotated[
    int | None,
    typer.Option(
        min=0, help="Repair nothing when more rows than this need it; 1000 by default.", rich_help_panel=LIMITS
    ),
]
MaxRepairRatio = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Repair nothing when more than this part of the compared rows needs it; 0.01 by default.",
        rich_help_panel=LIMITS,
    ),
]
MaxRuntime = Annotated[
    float | None,
    typer.Option(
        parser=seconds,
        metavar="DURATION",
        help="Stop at a checkpoint after this time; --resume goes on.",
        rich_help_panel=LIMITS,
    ),
]
PauseFile = Annotated[Path | None, typer.Option(help="Pause while this file exists.", rich_help_panel=LIMITS)]


def window_mode(mode: Mode | None, since: datetime | None, until: datetime | None) -> Mode | None:
    """Return the mode that the options mean; None when they leave it to the configuration.

    Raises:
        ConfigError: they contradict each other.
    """
    if since is None and until is None:
        return mode
    if mode is Mode.FULL:
        raise ConfigError("--since and --until belong to incremental runs; leave them out, or use --mode incremental")
    if since is not None and until is not None and since >= until:
        raise ConfigError(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    return Mode.INCREMENTAL
