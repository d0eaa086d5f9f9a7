"""Every service restarts or dies while a writer runs; afterwards both sides are equal, with no hand on it."""

from __future__ import annotations

import pytest
from psycopg import sql

from ops.demo_rows import INSERT_USER, new_id, user_row
from tests.support.pipeline import STACK, Pipeline, bring_up, run
from tests.support.waiting import wait_until
from tests.support.writer import writing

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

# Vault comes back sealed; what follows from that is tested with its rotation.
SERVICES = ["zookeeper", "kafka-1", "schema-registry", "connect-1", "scylla", "postgres", "vault-agent"]
ROWS_AFTERWARDS = 20


def assert_flowing(pipeline: Pipeline) -> None:
    """Rows written now arrive."""
    keys = [new_id() for _ in range(ROWS_AFTERWARDS)]
    with pipeline.scylla() as session, pipeline.postgres() as target:
        for number, key in enumerate(keys):
            session.execute(INSERT_USER, user_row(key, number))
        query = sql.SQL("SELECT count(*) FROM public.users WHERE id = ANY(%s)")

        def arrived() -> bool:
            found = target.execute(query, (keys,)).fetchone()
            return found is not None and found[0] == ROWS_AFTERWARDS

        wait_until("rows written after the restart arrive", arrived, deadline_seconds=180)


@pytest.mark.parametrize("service", SERVICES)
def test_a_restart_loses_nothing(pipeline: Pipeline, service: str) -> None:
    with writing(pipeline) as writer:
        wait_until("the writer is under way", lambda: writer.writes > 50)
        pipeline.restart(service)
        resumed = writer.writes
        wait_until("the writer goes on after the restart", lambda: writer.writes > resumed + 50)

    assert_flowing(pipeline)
    pipeline.wait_equal()
    pipeline.assert_no_task_failed()


@pytest.mark.parametrize("service", ["kafka-1", "connect-1", "scylla", "postgres"])
def test_a_crash_loses_nothing(pipeline: Pipeline, service: str) -> None:
    restarts = pipeline.container(service)["RestartCount"]
    with writing(pipeline) as writer:
        wait_until("the writer is under way", lambda: writer.writes > 50)
        pipeline.crash(service)
        wait_until("Docker restarts it", lambda: pipeline.container(service)["RestartCount"] > restarts)
        pipeline.wait_healthy(service)
        resumed = writer.writes
        wait_until("the writer goes on after the crash", lambda: writer.writes > resumed + 50)

    assert_flowing(pipeline)
    pipeline.wait_equal()
    pipeline.assert_no_task_failed()


def test_a_network_that_was_removed_by_hand_is_made_again(pipeline: Pipeline) -> None:
    pipeline.wait_equal()
    names = list(pipeline.outputs.containers.values())
    run("docker", "stop", *names)
    run("docker", "network", "rm", f"scylla-pg-cdc-{STACK}")

    bring_up()

    pipeline.wait_running()
    assert_flowing(pipeline)
    pipeline.wait_equal()
