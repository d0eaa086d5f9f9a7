"""Both databases of the tests' stack, as reconcile connects to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from ops.databases import source_settings, target_settings
from reconcile.model import PipelineSettings, TableRef
from reconcile.source import SourceClient
from reconcile.target import TargetClient
from reconcile.topic import KafkaTopic
from reconcile.watermark import Barrier, NotKnownError, open_watermark
from tests.support.pipeline import Pipeline, wait_until


@contextmanager
def both_clients(pipeline: Pipeline) -> Iterator[tuple[SourceClient, TargetClient]]:
    """A client of each."""
    outputs = pipeline.outputs
    with SourceClient(source_settings(outputs)) as source, TargetClient(target_settings(outputs)) as target:
        yield source, target


def wait_passed(pipeline: Pipeline, source: str, deadline_seconds: float = 300) -> None:
    """Wait until the pipeline has delivered, or lost, every change of a table that was made before this call."""
    outputs = pipeline.outputs
    table = outputs.table(source)
    assert table
    settings = PipelineSettings(
        connect_url=outputs.endpoints["connect"],
        source_connector=outputs.connectors["source"],
        sink_connector=outputs.connectors["sink"],
        kafka_bootstrap_servers=outputs.endpoints["kafka"],
    )
    watermark = open_watermark(settings, TableRef(table.source, table.target, table.topic), KafkaTopic)
    barrier = watermark.barrier(datetime.now(UTC))
    with closing(watermark):
        wait_until(f"the pipeline has passed {source}", lambda: _passed(barrier), deadline_seconds)


def _passed(barrier: Barrier) -> bool:
    try:
        return barrier.passed()
    except NotKnownError:
        return False
