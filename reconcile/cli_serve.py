"""The commands that run by the clock."""

from __future__ import annotations

from typing import Annotated

import typer

from reconcile import options
from reconcile.cli_errors import errors
from reconcile.errors import ConfigError
from reconcile.settings import Schedule, Settings, load_settings, schedule_problems

SHOWN_RUNS = 7

At = Annotated[
    str | None, typer.Option(metavar="HH:MM", help="Every day at this time, instead of the configured cron.")
]
Cron = Annotated[str | None, typer.Option(help="Cron expression of five fields, instead of the configured one.")]
TimeZone = Annotated[str | None, typer.Option("--time-zone", help="IANA name, instead of the configured one.")]
Show = Annotated[bool, typer.Option("--show", help="Print when the next runs are due, and end.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on, instead of the configured one.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of the configured one.")]


def schedule(
    at: At = None, cron: Cron = None, time_zone: TimeZone = None, show: Show = False, config: options.Config = None
) -> None:
    """Run by the clock until stopped; `serve` does the same and answers for metrics and health."""
    from reconcile.schedule import upcoming, utc_now
    from reconcile.serve import serve as serve_forever

    with errors():
        settings = _with_schedule(load_settings(config), at, cron, time_zone)
        if show:
            for moment, mode in upcoming(settings.schedule, utc_now(), SHOWN_RUNS):
                print(f"{moment:%a %Y-%m-%d %H:%M %Z}  {mode}")
            return
        serve_forever(settings, config, http=False)


def serve(host: Host = None, port: Port = None, config: options.Config = None) -> None:
    """Run by the clock, and answer /metrics and /healthz on one port."""
    from reconcile.serve import serve as serve_forever

    with errors():
        settings = load_settings(config)
        listen = settings.serve.model_copy(
            update={"host": host or settings.serve.host, "port": settings.serve.port if port is None else port}
        )
        serve_forever(settings.model_copy(update={"serve": listen}), config)


def _with_schedule(settings: Settings, at: str | None, cron: str | None, time_zone: str | None) -> Settings:
    if at is not None:
        hour, _, minute = at.partition(":")
        if cron is not None or not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
            raise typer.BadParameter("give --at as HH:MM, and not together with --cron")
        cron = f"{int(minute)} {int(hour)} * * *"
    given = {name: value for name, value in (("cron", cron), ("time_zone", time_zone)) if value is not None}
    changed = {**settings.schedule.model_dump(), **given}
    for name, problem in schedule_problems(changed).items():
        raise ConfigError(f"schedule.{name}: {problem}")
    return settings.model_copy(update={"schedule": Schedule.model_validate(changed)})
