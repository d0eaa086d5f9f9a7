"""The longer statements on the bookkeeping tables, each in a file of its own."""

from functools import cache
from importlib import resources


@cache
def load(name: str) -> str:
    """Return the statement in `name`.sql."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
