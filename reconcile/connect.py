"""How Kafka Connect's REST API is reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from reconcile.credentials import read_properties
from reconcile.model import PipelineSettings
from reconcile.tls import client_context

_TIMEOUT: Final = httpx.Timeout(10.0, read=30.0)


@dataclass(frozen=True)
class ConnectAccess:
    """What the API asks for."""

    credentials_file: str | None = None
    """None: no login."""
    ca_file: str | None = None
    """Authorities besides the system's own."""

    @classmethod
    def of(cls, pipeline: PipelineSettings) -> ConnectAccess:
        """Return what the settings say."""
        return cls(pipeline.connect_credentials_file, pipeline.ca_file)


ANYBODY: Final = ConnectAccess()


def connect_http(
    url: str, transport: httpx.BaseTransport | None = None, access: ConnectAccess = ANYBODY
) -> httpx.Client:
    """Return a client whose paths are relative to the API.

    Raises:
        ConfigError: the file with the login, or that with the authorities, cannot be read.
    """
    verify = client_context(access.ca_file, "pipeline.ca_file")
    auth = httpx.BasicAuth(*read_properties(Path(access.credentials_file))) if access.credentials_file else None
    # A proxy of the environment is for the way out, not for a service of the pipeline.
    return httpx.Client(base_url=url, timeout=_TIMEOUT, transport=transport, trust_env=False, verify=verify, auth=auth)


def connector_path(name: str, what: str) -> str:
    """Return the path of something about a connector, such as its `status`."""
    return f"/connectors/{quote(name, safe='')}/{what}"
