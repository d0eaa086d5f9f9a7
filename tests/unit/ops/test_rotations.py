"""Status shows how old each password is, without ever asking for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ops import status as status_module
from ops.docker import Docker
from ops.outputs import parse_outputs
from ops.rotations import Rotation, Rotations, rotations
from ops.status import Status, whole_status
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, FakeRunner, failed, fake_cli, fake_workspace, ok

ADDRESS = "http://vault.test"
WRITER = {"rotation_period": 86400, "last_vault_rotation": "2026-11-29T05:59:46.425123456Z", "username": "cdc_writer"}
READER = {"rotation_period": 60, "last_vault_rotation": "2026-11-29T07:00:00.5+02:00"}
ROLES: dict[str, dict[str, object]] = {"cdc_writer": WRITER, "cdc_reader": READER}
WELL = Status("dev", (), ())


class Vault:
    """Knows static roles, and what it was asked."""

    def __init__(self, roles: dict[str, dict[str, object]] | None = None, sealed: bool = False) -> None:
        self.roles = ROLES if roles is None else roles
        self.sealed = sealed
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.headers["X-Vault-Token"]) == ("GET", "token")
        self.asked.append(request.url.path)
        if self.sealed:
            return httpx.Response(503, json={"errors": ["Vault is sealed"]})
        if request.url.params.get("list") == "true":
            keys = list(self.roles)
            return (
                httpx.Response(200, json={"data": {"keys": keys}}) if keys else httpx.Response(404, json={"errors": []})
            )
        return httpx.Response(200, json={"data": self.roles[request.url.path.rpartition("/")[2]]})


def asked(vault: Vault) -> Rotations:
    return rotations(ADDRESS, "token", httpx.MockTransport(vault))


def test_each_role_has_its_last_and_its_next_change() -> None:
    assert asked(Vault()).roles == (
        Rotation("cdc_reader", "2026-11-29T05:00:00+00:00", "2026-11-29T05:01:00+00:00"),
        Rotation("cdc_writer", "2026-11-29T05:59:46+00:00", "2026-11-30T05:59:46+00:00"),
    )


def test_vault_is_never_asked_for_a_password() -> None:
    vault = Vault()
    asked(vault)

    assert vault.asked[0] == "/v1/cdc-database/static-roles"
    assert not [path for path in vault.asked if "creds" in path]


def test_no_role_is_no_error() -> None:
    assert asked(Vault({})) == Rotations(())


def test_a_role_that_was_never_changed_is_left_out() -> None:
    assert asked(Vault({"new": {"rotation_period": 60}})) == Rotations(())


def test_a_vault_that_is_sealed_says_so() -> None:
    found = asked(Vault(sealed=True))

    assert found.roles == ()
    assert "sealed" in found.error
    assert replace(WELL, rotations=found).ok, "the service itself says that it is not well"


@pytest.mark.parametrize(
    ("age_hours", "text", "well"),
    [(3, "changed 3 h ago, next in 21 h", True), (26, "changed 26 h ago, due for 2 h", False)],
)
def test_ages_are_for_people_and_what_is_overdue_stands_out(age_hours: int, text: str, well: bool) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    last = now - timedelta(hours=age_hours)
    rotation = Rotation("cdc_writer", last.isoformat(), (last + timedelta(days=1)).isoformat())

    assert rotation.text(now) == text
    assert rotation.ok(now) is well


def test_they_are_in_the_table_and_in_the_json() -> None:
    found = replace(WELL, rotations=asked(Vault()))

    assert found.table().row_count == len(ROLES)
    assert json.loads(json.dumps(found.as_json()))["rotations"]["roles"][1] == {
        "role": "cdc_writer",
        "last": "2026-11-29T05:59:46+00:00",
        "next": "2026-11-30T05:59:46+00:00",
    }


def test_the_reason_for_silence_is_in_the_table() -> None:
    assert replace(WELL, rotations=asked(Vault(sealed=True))).table().row_count == 1


def test_vault_is_asked_with_a_token_only_and_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_module, "collect_status", lambda *_: WELL)
    monkeypatch.setattr(
        status_module, "rotations", lambda address, token, *, trusted: Rotations((), f"{address} {token} {trusted}")
    )
    outputs = parse_outputs(RAW_OUTPUTS | {"transport": {"trusted": "authorities"}}, "dev")

    assert whole_status(outputs, "dev", Docker(FakeRunner())).rotations is None
    assert whole_status(outputs, "dev", Docker(FakeRunner()), "token").rotations == Rotations(
        (), "http://127.0.0.1:28200 token authorities"
    )


def test_the_token_comes_from_the_stack_s_configuration(tmp_path: Path) -> None:
    runner = FakeRunner().on("config get scylla-pg-cdc:vaultToken --stack dev", ok("token\n"))

    assert fake_workspace(tmp_path, runner).vault_token("dev") == "token"


def test_a_configuration_without_a_token_has_none() -> None:
    assert fake_cli(FakeRunner().on("config get", failed("no such key"))).secret("vaultToken") == ""
