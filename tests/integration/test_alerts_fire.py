"""Real faults on a real stack make the alerts fire that name them, within two minutes; without faults none fires.

`make test` makes a few faults at once. `make test-alerts` stops each service in turn, and sees nothing fire in half an
hour under load.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import httpx
import pytest

from tests.support.connect_rest import pause, resume
from tests.support.dead_letters import dead_letters
from tests.support.pipeline import Pipeline, run
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until
from tests.support.writer import writing

pytestmark = pytest.mark.integration

NAMED_WITHIN_SECONDS = 120
SILENT_WITHIN_SECONDS = 300
CALM_WITHIN_SECONDS = 1800
"""Latencies count for a quarter of an hour, so the faults before are seen for that long."""
QUIET_SECONDS = int(os.environ.get("CDC_TEST_QUIET_SECONDS", "20"))
EVERY_SERVICE = os.environ.get("CDC_TEST_EVERY_SERVICE") == "1"
UNWATCHED = {"prometheus": "it cannot tell of itself"}

Alerts = list[dict[str, str]]


@pytest.fixture
def prometheus(pipeline: Pipeline) -> Prometheus:
    """A stack without a fault: no critical alert fires."""
    pipeline.wait_running()
    server = Prometheus(pipeline.outputs.endpoints["prometheus"])
    wait_until("no critical alert fires", lambda: not critical(server), SILENT_WITHIN_SECONDS)
    return server


def critical(prometheus: Prometheus) -> Alerts:
    return [dict(alert) for alert in prometheus.firing() if alert["severity"] == "critical"]


def fires(prometheus: Prometheus, name: str, **labels: str) -> Callable[[], bool]:
    """Whether an alert with these labels fires."""
    wanted = {"alertname": name, **labels}
    return lambda: any(wanted.items() <= alert.items() for alert in prometheus.firing())


@contextmanager
def stopped(pipeline: Pipeline, service: str) -> Iterator[None]:
    run("docker", "stop", pipeline.outputs.containers[service])
    try:
        yield
    finally:
        run("docker", "start", pipeline.outputs.containers[service])
        pipeline.wait_healthy(service)


@contextmanager
def paused(pipeline: Pipeline, connector: str) -> Iterator[None]:
    pause(pipeline, connector)
    try:
        yield
    finally:
        resume(pipeline, connector)


@contextmanager
def refused_record(pipeline: Pipeline) -> Iterator[None]:
    """A row whose text PostgreSQL does not take; afterwards it is gone, and dropped from the queue."""
    key = uuid4()
    with pipeline.scylla() as session, dead_letters(pipeline) as letters:
        before = len(letters.open("shop.users"))
        session.execute("INSERT INTO shop.users (id, name) VALUES (%s, %s)", (key, "a\0b"))
        wait_until("the record is in the queue", lambda: len(letters.open("shop.users")) > before)
        try:
            yield
        finally:
            session.execute("DELETE FROM shop.users WHERE id = %s", (key,))
            wait_until("its delete follows it", lambda: len(letters.open("shop.users")) > before + 1)
            letters.forget("shop.users")


def test_several_faults_at_once_are_all_named_and_afterwards_nothing_fires(
    pipeline: Pipeline, prometheus: Prometheus
) -> None:
    source = pipeline.outputs.connectors["source"]
    with ExitStack() as faults:
        faults.enter_context(refused_record(pipeline))
        faults.enter_context(stopped(pipeline, "schema-registry"))
        faults.enter_context(paused(pipeline, source))
        for alert in (
            fires(prometheus, "CdcServiceDown", service="schema-registry"),
            fires(prometheus, "CdcConnectorNotRunning", connector=source, status="paused"),
            fires(prometheus, "CdcDlqNotEmpty"),
        ):
            wait_until("the alert fires", alert, NAMED_WITHIN_SECONDS)
        alertmanager = pipeline.outputs.endpoints["alertmanager"]
        told = httpx.get(f"{alertmanager}/api/v2/alerts", timeout=30).text
        assert "CdcServiceDown" in told

    pipeline.wait_running()
    wait_until("no critical alert fires", lambda: not critical(prometheus), SILENT_WITHIN_SECONDS)
    pipeline.wait_equal(["shop.users"])


@pytest.mark.skipif(not EVERY_SERVICE, reason="long; make test-alerts")
def test_stopping_any_service_names_it(pipeline: Pipeline, prometheus: Prometheus) -> None:
    for service in sorted(set(pipeline.outputs.containers) - set(UNWATCHED)):
        with stopped(pipeline, service):
            named = fires(prometheus, "CdcServiceDown", service=service)
            wait_until(f"an alert names {service}", named, NAMED_WITHIN_SECONDS)
            if service == "connect-1":
                wait_until("the canary is old", fires(prometheus, "CdcCanaryOld"), NAMED_WITHIN_SECONDS)
    pipeline.wait_running()
    wait_until("no critical alert fires", lambda: not critical(prometheus), SILENT_WITHIN_SECONDS)


def test_nothing_fires_under_load(pipeline: Pipeline, prometheus: Prometheus) -> None:
    if EVERY_SERVICE:
        wait_until("nothing fires any more", lambda: not prometheus.firing(), CALM_WITHIN_SECONDS)
    before = {alert["alertname"] for alert in prometheus.firing()}
    with writing(pipeline, seed=7):
        begin = time.monotonic()
        wait_until("the load has run", lambda: time.monotonic() - begin >= QUIET_SECONDS, QUIET_SECONDS + 60)
        history = f'max_over_time(ALERTS{{alertstate="firing"}}[{QUIET_SECONDS}s])'
        fired = {sample.labels["alertname"] for sample in prometheus.query(history)}

    assert fired <= before
    pipeline.wait_equal(["shop.users"])
