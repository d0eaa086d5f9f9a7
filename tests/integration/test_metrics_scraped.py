"""Prometheus sees every service, and the figures of docs/metrics.md are there under the names that it gives."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.support.pipeline import PROJECT, Pipeline
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ROWS = 50
BEATING = {"vault-unsealer", "connect-restarter"}
"""Services without a port."""


@pytest.fixture(scope="module")
def prometheus(pipeline: Pipeline) -> Prometheus:
    """With a few rows, so that everything that counts has something to count."""
    with pipeline.scylla() as session:
        insert = session.prepare("INSERT INTO shop.users (id, name) VALUES (?, 'seen by prometheus')")
        for _ in range(ROWS):
            session.execute(insert, [uuid4()])
    pipeline.wait_equal(["shop.users"])
    return Prometheus(pipeline.outputs.endpoints["prometheus"])


def documented() -> dict[str, list[str]]:
    """The metrics that the document's first table names, with those that each is made of."""
    text = (PROJECT / "docs" / "metrics.md").read_text()
    table = text.partition("| asked for |")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    return {cells[1].strip("`"): re.findall(r"`(\w+)`", cells[2]) for cells in rows}


def test_every_target_is_up(prometheus: Prometheus, pipeline: Pipeline) -> None:
    def all_up() -> bool:
        targets = prometheus.targets()
        return bool(targets) and all(target["health"] == "up" for target in targets)

    wait_until("every target is up", all_up)
    services = {target["labels"]["service"] for target in prometheus.targets()}
    # The target of the exporter is named after PostgreSQL.
    assert services | BEATING | {"postgres-exporter"} == set(pipeline.outputs.containers)


def test_what_has_no_port_gives_signs_of_life(prometheus: Prometheus) -> None:
    def alive() -> set[str]:
        return {sample.labels["service"] for sample in prometheus.query("cdc_heartbeat_age_seconds < 25")}

    wait_until("each gives signs of life", lambda: alive() == BEATING)


def test_every_service_counts_as_up(prometheus: Prometheus, pipeline: Pipeline) -> None:
    def up() -> set[str]:
        return {sample.labels["service"] for sample in prometheus.query("cdc_service_up == 1")}

    wait_until("every service is up", lambda: up() == set(pipeline.outputs.containers))


def test_postgresql_itself_is_seen(prometheus: Prometheus) -> None:
    wait_until("the exporter reaches PostgreSQL", lambda: prometheus.value("pg_up") == 1)
    assert prometheus.query('pg_stat_database_xact_commit{datname="warehouse"}')


def test_vault_is_seen_unsealed(prometheus: Prometheus) -> None:
    assert wait_until("Vault says so", lambda: prometheus.value("max(vault_core_unsealed)") == 1)


@pytest.mark.parametrize("metric", sorted(documented()))
def test_the_documented_metrics_are_there(prometheus: Prometheus, metric: str) -> None:
    wait_until(metric, lambda: prometheus.query(metric))
    for source in documented()[metric]:
        assert prometheus.query(source), f"{metric} is made of {source}"


def test_the_figures_are_those_of_the_rows_that_were_written(prometheus: Prometheus, pipeline: Pipeline) -> None:
    topic = pipeline.outputs.topics["shop.users"]
    end = f'sum(kafka_log_end_offset{{topic="{topic}"}})'

    assert (prometheus.value(end) or 0) >= ROWS
    sink = pipeline.outputs.connectors["sink"]
    wait_until("nothing waits", lambda: prometheus.value(f'cdc_sink_connector_lag_seconds{{connector="{sink}"}}') == 0)
    age = f'cdc_source_last_poll_age_seconds{{connector="{pipeline.outputs.connectors["source"]}"}}'
    wait_until("the source has just polled", lambda: (prometheus.value(age) or 1e9) < 30)


def test_connectors_and_tasks_run(prometheus: Prometheus, pipeline: Pipeline) -> None:
    def running(metric: str) -> set[str]:
        return {sample.labels["connector"] for sample in prometheus.query(f'{metric}{{status="running"}} == 1')}

    for metric in ("cdc_connector_status", "cdc_task_status"):
        wait_until(metric, lambda metric=metric: running(metric) == set(pipeline.outputs.connectors.values()))  # type: ignore[misc]
