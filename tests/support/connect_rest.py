"""What tests do to connectors over Kafka Connect's REST API."""

from __future__ import annotations

import httpx

from components.tls.trust import client_context
from ops.outputs import StackOutputs
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_SECONDS = 60


def connect_rest(outputs: StackOutputs) -> httpx.Client:
    """A client with the stack's login and authorities; close it, or use it in a `with` block."""
    login = (outputs.connect.username, outputs.connect.password) if outputs.connect else None
    verify = client_context(outputs.trusted)
    return httpx.Client(base_url=outputs.endpoints["connect"], auth=login, verify=verify, timeout=TIMEOUT_SECONDS)


def pause(pipeline: Pipeline, connector: str) -> None:
    """Have a connector keep its tasks and do nothing."""
    _put(pipeline, f"/connectors/{connector}/pause")


def stop(pipeline: Pipeline, connector: str) -> None:
    """Have a connector give up its tasks, and wait until it has."""
    _put(pipeline, f"/connectors/{connector}/stop")
    with pipeline.connect() as client:
        wait_until(f"{connector} is stopped", lambda: client.status(connector).state == "STOPPED")


def resume(pipeline: Pipeline, connector: str) -> None:
    """Undo a pause or a stop."""
    with pipeline.connect() as client:
        client.resume(connector)


def forget_offsets(pipeline: Pipeline, connector: str) -> None:
    """Have a stopped connector begin anew."""
    with connect_rest(pipeline.outputs) as client:
        client.delete(f"/connectors/{connector}/offsets").raise_for_status()


def _put(pipeline: Pipeline, path: str) -> None:
    with connect_rest(pipeline.outputs) as client:
        client.put(path).raise_for_status()
