"""How Kafka Connect's REST API is reached."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx

_TIMEOUT: Final = httpx.Timeout(10.0, read=30.0)


def connect_http(url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client whose paths are relative to the API."""
    # A proxy of the environment is for the way out, not for a service of the pipeline.
    return httpx.Client(base_url=url, timeout=_TIMEOUT, transport=transport, trust_env=False)


def connector_path(name: str, what: str) -> str:
    """Return the path of something about a connector, such as its `status`."""
    return f"/connectors/{quote(name, safe='')}/{what}"
