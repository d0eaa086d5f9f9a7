"""How the job reaches Connect's REST API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from reconcile.connect import ConnectAccess, connect_http
from reconcile.errors import ConfigError
from reconcile.model import PipelineSettings


def asked(access: ConnectAccess) -> list[str | None]:
    """The headers with the login that a request carries."""
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json=[])

    with connect_http("http://connect:8083", httpx.MockTransport(answer), access) as http:
        http.get("/connectors")
    return seen


def test_it_logs_in_where_the_settings_name_a_login(tmp_path: Path) -> None:
    file = tmp_path / "connect.properties"
    file.write_text("username=cdc\npassword=secret\n")

    access = ConnectAccess.of(PipelineSettings(connect_credentials_file=str(file)))
    assert asked(access) == ["Basic Y2RjOnNlY3JldA=="]
    assert asked(ConnectAccess()) == [None]


def test_a_login_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"connect\.properties"):
        asked(ConnectAccess(credentials_file=str(tmp_path / "connect.properties")))


def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pipeline\.ca_file .*ca\.pem"):
        asked(ConnectAccess(ca_file=str(tmp_path / "ca.pem")))
