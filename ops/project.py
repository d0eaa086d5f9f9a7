"""Where the project keeps its files, and how it names what it creates."""

from pathlib import Path
from typing import Final

PROJECT_NAME: Final = "scylla-pg-cdc"
PROJECT_DIR: Final = Path(__file__).resolve().parent.parent

TEST_STACK: Final = "ci"
"""The stack that the tests bring up; no command of a person falls back on it."""


def name_prefix(stack: str) -> str:
    """Return what the names of a stack's containers, networks and volumes begin with."""
    return f"{PROJECT_NAME}-{stack}"


def state_dir(project_dir: Path = PROJECT_DIR) -> Path:
    """Return the directory of local state, which is never committed; create it for this user only."""
    path = project_dir / ".state"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def stack_file(stack: str, project_dir: Path = PROJECT_DIR) -> Path:
    """Return the stack's configuration file."""
    return project_dir / f"Pulumi.{stack}.yaml"
