"""What is wrong with a configuration, in words: the key, the reason, and YAML to paste; never the value given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

EXAMPLES: Final = {
    "scylla": "{contact_points: ['scylla:9042'], credentials_file: /vault/secrets/scylla.properties}",
    "scylla.contact_points": "['scylla:9042']",
    "postgres": "{host: postgres, database: warehouse, credentials_file: /vault/secrets/postgres.properties}",
    "postgres.host": "postgres",
    "tables": "[{source: shop.users, target: public.users}]",
    "schedule.cron": '"0 2 * * *"',
    "schedule.time_zone": "Europe/Berlin",
    "tracing.endpoint": "http://jaeger:4318",
}
"""What to paste for a key that is missing or wrong."""


def describe(error: dict[str, Any]) -> str:
    """Say what is wrong with a key, without the value that was given."""
    key = ".".join(str(part) for part in error["loc"])
    return problem(key, what_is_wrong(error), key)


def what_is_wrong(error: Mapping[str, Any]) -> str:
    """Say what is wrong, in the words of this project where pydantic's are not plain."""
    plain: dict[str, Callable[[], str]] = {
        "missing": lambda: "is missing",
        "extra_forbidden": lambda: "is not a key that reconcile knows",
        "value_error": lambda: str(error["ctx"]["error"]),
    }
    return plain.get(error["type"], lambda: str(error["msg"]).replace("Input should", "should"))()


def problem(key: str, what: str, example_of: str) -> str:
    """One problem; the YAML to paste is that of the key itself, or of the nearest one above that has an example."""
    parts = example_of.split(".")
    while parts and ".".join(parts) not in EXAMPLES:
        parts.pop()
    if not parts:
        return f"{key}: {what}"
    *above, last = parts
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(above)]
    lines.append(f"{'  ' * len(above)}{last}: {EXAMPLES['.'.join(parts)]}")
    return f"{key}: {what}. For example:\n" + "\n".join(f"    {line}" for line in lines)
