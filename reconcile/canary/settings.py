"""The canary's configuration: a YAML file like the job's, with the databases that it uses and the figures it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconcile.errors import ConfigError
from reconcile.model import SourceSettings, TargetSettings
from reconcile.settings import Serve


class CanarySettings(BaseModel):
    """The whole configuration. It names files with logins and holds none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scylla: SourceSettings
    postgres: TargetSettings
    source: str = "cdc_monitor.canary"
    """Table with the columns `slot int PRIMARY KEY, beat_ms bigint`, replicated like any other."""
    target: str = "cdc_monitor.canary"
    every_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Between two rows."""
    slots: Annotated[int, Field(ge=1)] = 60
    """Rows that the table has; the oldest is written again."""
    poll_seconds: Annotated[float, Field(gt=0)] = 0.1
    """How often the target is looked at while a row is on its way; half of it is the error of a latency."""
    serve: Serve = Serve()
    window_size_ms: int = 0
    confidence_window_ms: int = 0
    cdc_ttl_seconds: int = 0
    """Of the source; shown as metrics, so that alerts can compare with them."""


def load_canary_settings(path: Path) -> CanarySettings:
    """Read the configuration.

    Raises:
        ConfigError: names the file and every wrong or missing key, never a value.
    """
    try:
        data: Any = yaml.safe_load(path.read_text())
        return CanarySettings.model_validate(data)
    except OSError as error:
        raise ConfigError(f"configuration {path}: {error.strerror}") from None
    except yaml.YAMLError:
        raise ConfigError(f"configuration {path}: this is not YAML") from None
    except ValidationError as error:
        keys = ", ".join(".".join(map(str, each["loc"])) or "the file" for each in error.errors(include_url=False))
        raise ConfigError(f"configuration {path}: missing or wrong: {keys}") from None
