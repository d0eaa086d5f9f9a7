"""Both databases of the tests' stack, as reconcile connects to them."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from psycopg import sql

from components.tls.trust import ca_path
from ops.databases import source_settings, target_settings
from ops.outputs import Login, StackOutputs
from reconcile.model import PipelineSettings, TableRef
from reconcile.source import SourceClient
from reconcile.target import TargetClient
from reconcile.topic import topic_opener
from reconcile.watermark import Barrier, NotKnownError, open_watermark
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until


@contextmanager
def both_clients(pipeline: Pipeline) -> Iterator[tuple[SourceClient, TargetClient]]:
    """A client of each."""
    outputs = pipeline.outputs
    with SourceClient(source_settings(outputs)) as source, TargetClient(target_settings(outputs)) as target:
        yield source, target


def pipeline_settings(outputs: StackOutputs) -> PipelineSettings:
    """How the reconcile package sees the pipeline from outside of the stack's network."""
    return PipelineSettings(
        connect_url=outputs.endpoints["connect"],
        source_connector=outputs.connectors["source"],
        sink_connector=outputs.connectors["sink"],
        kafka_bootstrap_servers=outputs.endpoints["kafka"],
        window_size_ms=outputs.window_ms,
        confidence_window_ms=outputs.confidence_ms,
        connect_credentials_file=_login_file(outputs.connect),
        kafka_tls=outputs.kafka_tls,
        kafka_sasl_mechanism=outputs.kafka_sasl_mechanism or None,
        kafka_credentials_file=_login_file(outputs.kafka),
        ca_file=ca_path(outputs.trusted),
    )


@cache
def _login_file(login: Login | None) -> str | None:
    """A login as the job reads it, until the process ends."""
    if not login:
        return None
    descriptor, path = tempfile.mkstemp(suffix=".properties")
    atexit.register(Path(path).unlink, missing_ok=True)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"username={login.username}\npassword={login.password}\n")
    return path


def count(pipeline: Pipeline, source: str) -> int:
    """Rows that PostgreSQL has of a table."""
    with pipeline.postgres() as connection:
        return int(
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_target(pipeline, source))).fetchall()[0][0]
        )


def empty(pipeline: Pipeline, source: str) -> None:
    """Remove all rows of a table from both sides, which neither the CDC log nor the pipeline sees."""
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        session.execute(f"TRUNCATE {source}", timeout=120)
        connection.execute(sql.SQL("TRUNCATE {}").format(_target(pipeline, source)))


def _target(pipeline: Pipeline, source: str) -> sql.Identifier:
    table = pipeline.outputs.table(source)
    assert table
    return sql.Identifier(*table.target.split("."))


def wait_passed(pipeline: Pipeline, source: str, deadline_seconds: float = 300) -> None:
    """Wait until the pipeline has delivered, or lost, every change of a table that was made before this call."""
    outputs = pipeline.outputs
    table = outputs.table(source)
    assert table
    settings = pipeline_settings(outputs)
    watermark = open_watermark(settings, TableRef(table.source, table.target, table.topic), topic_opener(settings))
    barrier = watermark.barrier(datetime.now(UTC))
    with closing(watermark):
        wait_until(f"the pipeline has passed {source}", lambda: _passed(barrier), deadline_seconds)


def _passed(barrier: Barrier) -> bool:
    try:
        return barrier.passed()
    except NotKnownError:
        return False
