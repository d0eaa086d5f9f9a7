"""Read a stack's configuration file, `Pulumi.<stack>.yaml`."""

from pathlib import Path
from typing import Any

import yaml

from ops.errors import OpsError
from ops.project import PROJECT_NAME


def load(path: Path) -> dict[str, Any]:
    """Return the whole file; a missing file is an empty configuration.

    Raises:
        OpsError: It is not a YAML mapping.
    """
    if not path.exists():
        return {}
    loaded = yaml.safe_load(path.read_text()) or {}
    if not isinstance(loaded, dict):
        raise OpsError(f"{path.name} is not a YAML mapping.", "It must have the top-level key `config:`.")
    return loaded


def get(path: Path, key: str) -> object:
    """Return what the file itself sets for a key of this project; None when it leaves the default."""
    config = load(path).get("config") or {}
    value: object = config.get(f"{PROJECT_NAME}:{key}")
    return value
