"""The tests' stack with another configuration for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from tests.support.pipeline import PROJECT, STACK, Pipeline, bring_up

_PREFIX = "scylla-pg-cdc:"


@contextmanager
def reconfigured(pipeline: Pipeline, **keys: str | bool | int) -> Iterator[None]:
    """Bring the stack up with these configuration keys; afterwards with those that it had."""
    had = _put(keys)
    try:
        _bring_up(pipeline)
        yield
    finally:
        _put(had)
        _bring_up(pipeline)


def _put(keys: dict[str, str | bool | int | None] | dict[str, str | bool | int]) -> dict[str, str | bool | int | None]:
    """Write keys into the stack's file, None removes one; return what they were."""
    path = PROJECT / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(path.read_text())
    config = document["config"]
    had = {key: config.pop(_PREFIX + key, None) for key in keys}
    config |= {_PREFIX + key: value for key, value in keys.items() if value is not None}
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return had


def _bring_up(pipeline: Pipeline) -> None:
    bring_up()
    pipeline.__dict__.pop("outputs", None)  # they may be others now
    pipeline.wait_running()
