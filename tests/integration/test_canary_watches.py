"""The canary of a running stack measures what the smoke run measures, and its logins can do next to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, Session

from ops.progress import Progress
from ops.smoke import run_smoke
from tests.support.pipeline import Pipeline, run
from tests.support.prometheus import Prometheus
from tests.support.vault import rendered_login
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ROWS = 10
BEATS = 6
AGREEMENT = 0.2


@pytest.fixture(scope="module")
def prometheus(pipeline: Pipeline) -> Prometheus:
    pipeline.wait_running()
    return Prometheus(pipeline.outputs.endpoints["prometheus"])


def test_its_latency_agrees_with_that_of_the_smoke_run(pipeline: Pipeline, prometheus: Prometheus) -> None:
    def total(part: str) -> float:
        return prometheus.value(f"cdc_end_to_end_latency_seconds_{part}") or 0

    wait_until("rows of the canary arrive", lambda: (prometheus.value("cdc_canary_age_seconds") or 1e9) < 15)
    seconds, count = total("sum"), total("count")
    with Progress().step("smoke run") as step:
        smoke = run_smoke(pipeline.outputs, ROWS, step)
    wait_until("the canary has measured as well", lambda: total("count") >= count + BEATS)

    by_canary = (total("sum") - seconds) / (total("count") - count)
    # The rows of one kind are written at once, so that they meet the windows at one moment; three kinds, at three.
    by_smoke = sum(smoke.all_ms) / len(smoke.all_ms) / 1000
    print(f"\nlatency by the canary {by_canary:.2f} s, by the smoke run {by_smoke:.2f} s")
    assert abs(by_canary - by_smoke) <= AGREEMENT * by_smoke


@pytest.fixture
def session(pipeline: Pipeline) -> Iterator[Session]:
    host, _, port = pipeline.outputs.endpoints["scylla"].partition(":")
    own = rendered_login(pipeline, "canary-agent", "scylla")
    auth = PlainTextAuthProvider(**own)
    cluster = Cluster([host], port=int(port), auth_provider=auth, protocol_version=4, **pipeline.cql_tls())
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def test_its_login_in_scylla_writes_its_table_and_nothing_else(session: Session) -> None:
    session.execute("INSERT INTO cdc_monitor.canary (slot, beat_ms) VALUES (1000, 1)")
    for statement in ("SELECT * FROM shop.users", "SELECT * FROM cdc_monitor.canary_scylla_cdc_log"):
        with pytest.raises(Unauthorized):
            session.execute(statement)


def test_its_login_in_postgresql_reads_its_table_and_nothing_else(pipeline: Pipeline) -> None:
    host, _, port = pipeline.outputs.endpoints["postgres"].partition(":")
    own = rendered_login(pipeline, "canary-agent", "postgres")
    with psycopg.connect(
        host=host,
        port=int(port),
        dbname=pipeline.outputs.postgres_database,
        user=own["username"],
        password=own["password"],
        autocommit=True,
    ) as connection:
        assert connection.execute("SELECT count(*) FROM cdc_monitor.canary").fetchone()
        for statement in ("SELECT * FROM public.users", "DELETE FROM cdc_monitor.canary", "CREATE TABLE x (y int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_it_runs_as_nobody_in_particular(pipeline: Pipeline) -> None:
    for service in ("canary", "prometheus", "alertmanager", "postgres-exporter"):
        pid = json.loads(run("docker", "inspect", pipeline.outputs.containers[service]).stdout)[0]["State"]["Pid"]
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )

        assert status["Uid"].split()[0] != "0", service
        assert int(status["CapEff"], 16) == 0, service
