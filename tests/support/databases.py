"""Both databases of the tests' stack, as reconcile connects to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconcile.model import SourceSettings, TargetSettings
from reconcile.source import SourceClient
from reconcile.target import TargetClient
from tests.support.pipeline import Pipeline


def source_settings(pipeline: Pipeline) -> SourceSettings:
    """ScyllaDB with the administrator's login."""
    login = pipeline.outputs.scylla
    return SourceSettings((pipeline.outputs.endpoints["scylla"],), username=login.username, password=login.password)


def target_settings(pipeline: Pipeline) -> TargetSettings:
    """PostgreSQL with the administrator's login."""
    host, _, port = pipeline.outputs.endpoints["postgres"].partition(":")
    login = pipeline.outputs.postgres
    return TargetSettings(
        host, int(port), pipeline.outputs.postgres_database, username=login.username, password=login.password
    )


@contextmanager
def both_clients(pipeline: Pipeline) -> Iterator[tuple[SourceClient, TargetClient]]:
    """A client of each."""
    with SourceClient(source_settings(pipeline)) as source, TargetClient(target_settings(pipeline)) as target:
        yield source, target
