"""From configuration and command line to what a run is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconcile.errors import ConfigError
from reconcile.model import TableRef
from reconcile.request import Connections, Limits, RunRequest
from reconcile.settings import RunDefaults, Settings


def connections(settings: Settings) -> Connections:
    """What the settings say about the databases and the pipeline."""
    return Connections(settings.scylla, settings.postgres, settings.pipeline)


def chosen_tables(settings: Settings, names: Sequence[str]) -> list[TableRef]:
    """Return the tables that are named, in that order; all configured ones when none is."""
    return [settings.table(name) for name in dict.fromkeys(names)] or list(settings.tables)


def with_options(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """Put options of the command line over section `run`; None means not given."""
    given = {name: value for name, value in options.items() if value is not None}
    run = RunDefaults.model_validate({**settings.run.model_dump(), **given})
    if run.executor == "dask" and not run.scheduler:
        raise ConfigError("--executor dask needs --scheduler, such as tcp://dask:8786 (or run.scheduler in the file)")
    return settings.model_copy(update={"run": run})


def limits(settings: Settings) -> Limits:
    """Return the limits that section `run` sets."""
    run = settings.run
    return Limits(
        max_rows_per_second=run.max_rows_per_second,
        max_lag_seconds=run.max_lag,
        settle_seconds=settings.settle_seconds,
        max_repairs=run.max_repairs,
        max_repair_ratio=run.max_repair_ratio,
        max_runtime_seconds=run.max_runtime,
        pause_file=run.pause_file,
    )


def run_requests(
    settings: Settings,
    tables: Sequence[TableRef],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
    resume: str | None = None,
    ignore_columns: Sequence[str] = (),
) -> list[RunRequest]:
    """Return one request for each table."""
    run = settings.run
    if resume not in (None, "last") and len(tables) > 1:
        raise ConfigError(f"--resume {resume} goes on with one run: name its table with --table as well")
    return [
        RunRequest(
            table=replace(table, ignore_columns=(*table.ignore_columns, *ignore_columns)),
            mode=run.mode,
            since=since,
            until=until,
            strategy=run.strategy,
            page_rows=run.page_rows,
            repair=run.repair,
            dry_run=dry_run,
            resume=resume,
            workers=run.workers,
            executor=run.executor,
            scheduler=run.scheduler,
            limits=limits(settings),
            spool_directory=run.spool_directory,
            fail_on=frozenset(run.fail_on),
        )
        for table in tables
    ]
