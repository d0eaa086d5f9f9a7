"""/metrics and /healthz over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client.utils import floatToGoString

from reconcile.errors import UnreachableError
from reconcile.serve import application, health, listening, registry
from reconcile.settings import load_settings
from tests.unit.reconcile.fake_store import NOW, FakeStore
from tests.unit.reconcile.runs import config_file


def runs(*, alive: bool = True) -> Any:
    return SimpleNamespace(alive=alive, next_run=lambda: NOW)


def unreachable() -> Any:
    raise UnreachableError("PostgreSQL at db:5432 does not answer")


@contextmanager
def served(folder: Path, open_store: Any = FakeStore, *, alive: bool = True) -> Iterator[httpx.Client]:
    settings = load_settings(config_file(folder), {})
    app = application(registry(settings, runs(alive=alive), open_store), lambda: health(runs(alive=alive), open_store))
    with (
        listening(app, "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client


def test_metrics_come_in_prometheus_format(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        answer = client.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'reconcile_open_discrepancies{kind="missing",table="shop.users"} 0.0' in answer.text
    assert f"reconcile_next_run_timestamp_seconds {floatToGoString(NOW.timestamp())}" in answer.text


def test_a_service_that_does_its_work_is_healthy(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["next_run"] == str(NOW)


def test_without_its_database_it_is_not_healthy_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path, unreachable) as client:
        answer = client.get("/healthz")
        metrics = client.get("/metrics")

    assert answer.status_code == 503
    assert "db:5432" in answer.json()["postgres"]
    assert metrics.status_code == 200
    assert "reconcile_bookkeeping_up 0.0" in metrics.text


def test_without_its_schedule_it_is_not_healthy(tmp_path: Path) -> None:
    with served(tmp_path, alive=False) as client:
        assert client.get("/healthz").status_code == 503


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/runs"])
def test_other_pages_do_not_exist(tmp_path: Path, path: str) -> None:
    with served(tmp_path) as client:
        answer = client.get(path)

    assert answer.status_code == 404
    assert "/metrics" in answer.text
