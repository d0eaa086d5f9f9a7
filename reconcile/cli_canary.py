"""The command that shows whether the pipeline works."""

from __future__ import annotations

import os
from pathlib import Path

from reconcile import options
from reconcile.cli_errors import errors
from reconcile.settings import CONFIG_VARIABLE

DEFAULT_PATH = Path("canary.yaml")


def canary(config: options.Config = None) -> None:
    """Write a row every few seconds, watch it arrive, and answer /metrics; has a configuration of its own."""
    from reconcile.canary.serve import serve
    from reconcile.canary.settings import load_canary_settings

    with errors():
        serve(load_canary_settings(config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_PATH)))
