"""The configuration: a YAML file, with `RECONCILE_<SECTION>__<KEY>` of the environment on top. Holds no password.

Errors name the key and show the YAML to paste; they never show a value that was given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from apscheduler.triggers.cron import CronTrigger
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from reconcile.durations import parse_seconds
from reconcile.errors import ConfigError
from reconcile.model import (
    Kind,
    Mode,
    Patience,
    PipelineSettings,
    RepairPolicy,
    SourceSettings,
    Strategy,
    TableRef,
    TargetSettings,
)
from reconcile.settings_text import EXAMPLES, describe, problem, what_is_wrong

CONFIG_VARIABLE: Final = "RECONCILE_CONFIG"
OVERRIDE_PREFIX: Final = "RECONCILE_"
DEFAULT_PATH: Final = Path("reconcile.yaml")
SECRETS: Final = frozenset({"password"})
"""Keys that a configuration must not hold: they belong into the credentials file."""

Seconds = Annotated[float, BeforeValidator(parse_seconds)]
"""Seconds; the file may say `90s`, `15m`, `24h`."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RunDefaults(_Section):
    """Section `run`: what the options of `reconcile run` are when the command line does not say."""

    mode: Mode = Mode.FULL
    strategy: Strategy = Strategy.LOOKUP
    repair: RepairPolicy = RepairPolicy.NONE
    page_rows: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Rows compared at a time."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes, or units at a time on Dask; one for each CPU when not set."""
    executor: Literal["process", "dask"] = "process"
    scheduler: str | None = None
    """Dask's scheduler, such as `tcp://dask:8786`."""
    max_rows_per_second: Annotated[float, Field(gt=0)] | None = None
    """Of the whole run; unlimited when not set."""
    max_lag: Seconds = 120.0
    """Nothing is confirmed while the pipeline is further behind, s."""
    settle: Seconds | None = None
    """How long a difference must stand before it counts, s; twice the source's windows when not set."""
    max_repairs: Annotated[int, Field(ge=0)] = 1_000
    max_repair_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Of the compared rows."""
    max_runtime: Seconds | None = None
    """After it a run stops at a checkpoint, s."""
    pause_file: Path | None = None
    """A run pauses while this file exists."""
    fail_on: tuple[Kind, ...] = (Kind.MISSING, Kind.MISMATCH, Kind.EXTRA)
    """Open differences of these kinds end a run with exit code 1."""
    spool_directory: Path = Path("reconcile-spool")
    """Hashes of the keys that unfinished full runs have seen: 8 bytes for each row."""


class Schedule(_Section):
    """Section `schedule`: what `reconcile schedule` and `reconcile serve` run, and when."""

    cron: str = "0 2 * * *"
    """Five fields; days of the week by name."""
    time_zone: str = "UTC"
    full_on: tuple[Weekday, ...] = ("sun",)
    """Days on which the run is a full one; on the others it is incremental."""
    since: Seconds = 26 * 3600.0
    """How far back an incremental run looks, s; more than a day, so that windows overlap."""
    repair: RepairPolicy = RepairPolicy.NONE
    misfire_grace: Seconds = 3600.0
    """A run that could not start on time still starts within this time, s."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("is not a time zone of the IANA database")
        return name

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        try:
            CronTrigger.from_crontab(cron)
        except ValueError as error:
            raise ValueError(f"is not a cron expression: {error}") from None
        if any(character.isdigit() for character in cron.split()[4]):
            # Cron's 0 is Sunday, the scheduler's is Monday.
            raise ValueError("has numbers for days of the week; write mon, tue, wed, thu, fri, sat, sun")
        return cron

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which `cron` and `full_on` are read."""
        return ZoneInfo(self.time_zone)


class Serve(_Section):
    """Section `serve`: where `reconcile serve` answers /metrics and /healthz."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9108


class Supervise(_Section):
    """Section `supervise`: how `reconcile serve` restarts connectors that failed."""

    enabled: bool = True
    """Needs `pipeline.connect_url` and the connectors' names."""
    every: Annotated[Seconds, Field(gt=0)] = 15.0
    """How often the connectors are looked at, s."""
    first_pause: Annotated[Seconds, Field(gt=0)] = Patience.first_pause_seconds
    """After the first restart, s; doubled after each further one."""
    longest_pause: Annotated[Seconds, Field(gt=0)] = Patience.longest_pause_seconds
    most_restarts: Annotated[int, Field(ge=1)] = Patience.most_restarts
    """Without a recovery in between; then it gives up, and a metric says so."""
    forget_after: Annotated[Seconds, Field(gt=0)] = Patience.forget_seconds
    """A connector that ran for this long has recovered, s."""


class Tracing(_Section):
    """Section `tracing`: where spans of runs, units, confirmations and repairs are sent."""

    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """URL that takes OTLP over HTTP, such as `http://jaeger:4318`; without it nothing is sent."""


class Settings(_Section):
    """The whole configuration."""

    scylla: SourceSettings
    postgres: TargetSettings
    tables: tuple[TableRef, ...] = Field(min_length=1)
    pipeline: PipelineSettings = PipelineSettings()
    run: RunDefaults = RunDefaults()
    schedule: Schedule = Schedule()
    serve: Serve = Serve()
    supervise: Supervise = Supervise()
    tracing: Tracing = Tracing()

    @model_validator(mode="before")
    @classmethod
    def _plain_sections_have_no_other_keys(cls, data: Any) -> Any:
        """Pydantic ignores unknown keys of plain dataclasses; a typing error must not pass."""
        for name, section in _PLAIN_SECTIONS.items():
            for number, given in enumerate(_mappings(data, name)):
                where = f"{name}[{number}]" if name == "tables" else name
                for key in given:
                    if key in SECRETS:
                        raise ConfigError(
                            f"{where}.{key}: a password does not belong into a configuration; put it into a file with "
                            f"the lines username=... and password=..., and name that as {where}.credentials_file"
                        )
                    if key not in {field.name for field in fields(section)}:
                        raise ConfigError(problem(f"{where}.{key}", "is not a key that reconcile knows", name))
        return data

    @field_validator("tables")
    @classmethod
    def _tables_are_named_once(cls, tables: tuple[TableRef, ...]) -> tuple[TableRef, ...]:
        for table in tables:
            for side, name in (("source", table.source), ("target", table.target)):
                if name.count(".") != 1:
                    raise ValueError(f"{side} {name!r} is not two names with a dot between them")
        sources = [table.source for table in tables]
        if twice := {source for source in sources if sources.count(source) > 1}:
            raise ValueError(f"{min(twice)} is listed twice")
        return tables

    def table(self, source: str) -> TableRef:
        """Return the table of that source name.

        Raises:
            ConfigError: it is not configured; lists those that are.
        """
        for table in self.tables:
            if table.source == source:
                return table
        known = ", ".join(table.source for table in self.tables)
        raise ConfigError(f"table {source} is not in the configuration; there are: {known}")

    @property
    def settle_seconds(self) -> float:
        """How long a difference must stand: configured, or twice the source's windows (120 s with its defaults)."""
        if self.run.settle is not None:
            return self.run.settle
        return 2 * (self.pipeline.window_size_ms + self.pipeline.confidence_window_ms) / 1000


_PLAIN_SECTIONS: Final[Mapping[str, Any]] = {
    "scylla": SourceSettings,
    "postgres": TargetSettings,
    "pipeline": PipelineSettings,
    "tables": TableRef,
}


def load_settings(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file that is given, else the one that RECONCILE_CONFIG names, else ./reconcile.yaml.

    Raises:
        ConfigError: names every wrong or missing key, with the YAML to paste.
    """
    chosen = path or Path(environment.get(CONFIG_VARIABLE) or DEFAULT_PATH)
    data = _read(chosen)
    _override(data, environment)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        problems = "\n".join(f"- {describe(dict(each))}" for each in error.errors(include_url=False))
        raise ConfigError(f"configuration {chosen} has problems:\n{problems}") from None


def schedule_problems(schedule: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a schedule, by key; for a program that writes this configuration."""
    try:
        Schedule.model_validate(schedule)
    except ValidationError as error:
        return {str(each["loc"][0]): what_is_wrong(dict(each)) for each in error.errors(include_url=False)}
    return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(
            f"configuration {path}: {error.strerror}; name a file with --config or {CONFIG_VARIABLE}. "
            "The least it needs:\n"
            + "\n".join(f"    {key}: {EXAMPLES[key]}" for key in ("scylla", "postgres", "tables"))
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"configuration {path}{where}: this is not YAML") from None
    if not isinstance(data, dict):
        raise ConfigError(f"configuration {path}: must be a mapping of sections, such as `scylla:`, `postgres:`")
    return data


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put `RECONCILE_POSTGRES__HOST=db` and the like over the file's values; each value is read as YAML."""
    for variable, value in sorted(environment.items()):
        section, mark, key = variable.removeprefix(OVERRIDE_PREFIX).lower().partition("__")
        if not variable.startswith(OVERRIDE_PREFIX) or not mark:
            continue
        if not isinstance(data.setdefault(section, {}), dict):
            raise ConfigError(f"{variable}: {section} is not a section with keys; change it in the file")
        try:
            data[section][key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"{variable}: the value is not YAML") from None


def _mappings(data: Any, name: str) -> list[Mapping[str, Any]]:
    given = data.get(name) if isinstance(data, dict) else None
    return [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, dict)]
