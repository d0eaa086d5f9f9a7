"""Vault's access to the databases: no password outlives a call, and what one side has lost is given anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from components.scylla.session import Credentials, ScyllaAuthenticationError
from components.vault.client import VaultClient, VaultError
from components.vault.database import ADMIN, MOUNT, ScyllaAccessProvider
from components.vault.provider import VaultProvider
from components.vault.secret_id import WrappedSecretIdProvider
from tests.doubles import FakeClock

PROPS = {
    "name": "scylla",
    "vault_address": "http://vault.test",
    "contact_points": ["127.0.0.1:9042"],
    "vault_contact_points": ["scylla:9042"],
    "managed_roles": ["cdc_reader"],
    "static_roles": ["cdc_reader"],
}


@dataclass
class FakeStore:
    """Keeps what is written, answers 404 for the rest."""

    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    refuse_once: set[str] = field(default_factory=set)
    sealed: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path.removeprefix("/v1/"), json.loads(request.content or b"{}")
        if path == "sys/seal-status":
            return httpx.Response(200, json={"sealed": self.sealed})
        assert request.headers["X-Vault-Token"] == "admin-token"
        self.requests.append((request.method, path, body))
        if request.method == "GET":
            known = self.stored.get(path)
            return httpx.Response(200, json={"data": known}) if known is not None else httpx.Response(404)
        if request.method == "DELETE":
            self.stored.pop(path, None)
            return httpx.Response(204)
        if path in self.refuse_once:
            self.refuse_once.remove(path)
            return httpx.Response(400, json={"errors": ["error verifying connection"]})
        return self._post(request, path, body)

    def _post(self, request: httpx.Request, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "sys/wrapping/wrap":
            assert int(request.headers["X-Vault-Wrap-TTL"]) > 0
            return httpx.Response(200, json={"wrap_info": {"token": f"wrapped {body['secret_id']}"}})
        if path.endswith("/secret-id"):
            self.stored["accessor-1"] = {}
            return httpx.Response(
                200, json={"data": {"secret_id": "the-secret-id", "secret_id_accessor": "accessor-1"}}
            )
        if path.endswith("/lookup"):
            if body["secret_id_accessor"] in self.stored:
                return httpx.Response(200, json={"data": {"cidr_list": []}})
            return httpx.Response(500, json={"errors": ["failed to find accessor entry for secret_id_accessor"]})
        if path.endswith("/destroy"):
            del self.stored[body["secret_id_accessor"]]
            return httpx.Response(204)
        self.stored[path] = self.stored.get(path, {}) | body
        return httpx.Response(204)

    def written(self, path: str) -> list[dict[str, Any]]:
        return [body for method, at, body in self.requests if (method, at) == ("POST", path)]


@dataclass
class FakeScylla:
    """Roles and the statements that change them; a new password is accepted at the second try."""

    roles: list[str] = field(default_factory=lambda: ["cassandra"])
    statements: list[str] = field(default_factory=list)
    refusals: int = 1

    @contextmanager
    def connect(self, contact_points: Sequence[str], credentials: Credentials) -> Iterator[FakeScylla]:
        assert list(contact_points) == PROPS["contact_points"]
        if credentials.username == ADMIN and self.refusals:
            self.refusals -= 1
            raise ScyllaAuthenticationError("refuses vault_admin")
        yield self

    def execute(self, cql: str, _parameters: Sequence[object] = (), *, secret: str = "") -> list[dict[str, Any]]:
        if cql == "LIST ROLES":
            return [{"role": role} for role in self.roles]
        self.statements.append(cql.replace(secret, "***") if secret else cql)
        if cql.startswith("CREATE ROLE"):
            self.roles.append(ADMIN)
        return []

    def wait_for_schema_agreement(self) -> None:
        raise AssertionError("roles are no schema")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def scylla() -> FakeScylla:
    return FakeScylla()


@pytest.fixture(autouse=True)
def _connected(store: FakeStore, scylla: FakeScylla, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(_self: object, props: dict[str, Any]) -> VaultClient:
        return VaultClient(props["vault_address"], httpx.MockTransport(store), retry_seconds=0)

    monkeypatch.setattr(VaultProvider, "_client", client)
    monkeypatch.setattr(VaultProvider, "_token", "admin-token")
    monkeypatch.setattr(ScyllaAccessProvider, "connect", staticmethod(scylla.connect))
    monkeypatch.setattr(ScyllaAccessProvider, "clock", FakeClock())


def test_vault_verifies_the_node_by_the_name_that_it_is_told(store: FakeStore) -> None:
    ScyllaAccessProvider().create(PROPS | {"vault_pem_bundle": "authorities"})
    config = store.stored[f"{MOUNT}/config/scylla"]
    assert (config["pem_bundle"], config["tls_server_name"]) == ("authorities", "scylla")

    ScyllaAccessProvider().create(PROPS)
    config = store.stored[f"{MOUNT}/config/scylla"]
    assert (config["pem_bundle"], config["tls_server_name"]) == ("", "")


def test_vault_gets_a_role_that_may_only_set_passwords(scylla: FakeScylla) -> None:
    ScyllaAccessProvider().create(PROPS)

    assert scylla.statements == [
        "CREATE ROLE \"vault_admin\" WITH PASSWORD = '***' AND LOGIN = true AND SUPERUSER = false",
        'GRANT ALTER ON ROLE "cdc_reader" TO "vault_admin"',
    ]


def test_the_first_password_is_changed_at_once_and_kept_nowhere(store: FakeStore) -> None:
    result = ScyllaAccessProvider().create(PROPS)

    config, again = store.written(f"{MOUNT}/config/scylla")
    assert config["hosts"] == "scylla"
    assert config["allowed_roles"] == ["cdc_reader"]
    assert len(store.written(f"{MOUNT}/rotate-root/scylla")) == 1
    assert "password" not in again
    assert config["password"] not in json.dumps(result.outs)


def test_a_password_that_is_not_accepted_yet_is_waited_for(store: FakeStore, scylla: FakeScylla) -> None:
    scylla.refusals = 3

    ScyllaAccessProvider().create(PROPS)

    assert scylla.refusals == 0
    assert store.written(f"{MOUNT}/rotate-root/scylla")


def test_a_role_that_is_there_gets_another_password(scylla: FakeScylla) -> None:
    scylla.roles.append(ADMIN)

    ScyllaAccessProvider().create(PROPS)

    assert scylla.statements[0].startswith("ALTER ROLE")


def test_a_database_that_takes_passwords_slowly_is_given_time(store: FakeStore) -> None:
    store.refuse_once = {f"{MOUNT}/rotate-root/scylla"}

    ScyllaAccessProvider().create(PROPS)

    assert len(store.written(f"{MOUNT}/rotate-root/scylla")) == 2


def test_a_login_that_vault_cannot_verify_fails_the_deployment(store: FakeStore) -> None:
    store.refuse_once = {f"{MOUNT}/config/scylla"}

    with pytest.raises(Exception, match="error verifying connection"):
        ScyllaAccessProvider().create(PROPS)


def test_access_given_anew_sets_the_passwords_anew_and_says_so(store: FakeStore) -> None:
    first = ScyllaAccessProvider().create(PROPS).outs
    assert not store.written(f"{MOUNT}/rotate-role/cdc_reader")
    store.stored[f"{MOUNT}/static-roles/cdc_reader"] = {"username": "cdc_reader"}

    second = ScyllaAccessProvider().create(PROPS).outs

    assert len(store.written(f"{MOUNT}/rotate-role/cdc_reader")) == 1
    assert first is not None
    assert second is not None
    assert first["generation"] != second["generation"]


def test_refresh_of_unchanged_access_shows_no_change() -> None:
    provider = ScyllaAccessProvider()
    outs = provider.create(PROPS).outs
    assert outs is not None

    read = provider.read("id", outs)

    assert read.outs == outs
    assert provider.diff("id", outs, PROPS).changes is False


@pytest.mark.parametrize("lost", ["vault", "database"])
def test_access_that_one_side_has_lost_leaves_the_state(store: FakeStore, scylla: FakeScylla, lost: str) -> None:
    provider = ScyllaAccessProvider()
    outs = provider.create(PROPS).outs
    assert outs is not None
    if lost == "vault":
        store.stored.clear()
    else:
        scylla.roles.remove(ADMIN)

    assert provider.read("id", outs).id is None


def test_a_sealed_vault_has_lost_nothing(store: FakeStore) -> None:
    provider = ScyllaAccessProvider()
    outs = provider.create(PROPS).outs
    assert outs is not None
    store.stored.clear()
    store.sealed = True

    assert provider.read("id", outs).id == "id"


SECRET_ID = {"vault_address": "http://vault.test", "role": "connect"}


def test_a_secret_id_is_handed_over_wrapped() -> None:
    result = WrappedSecretIdProvider().create(SECRET_ID)

    assert result.id == "accessor-1"
    assert result.outs == SECRET_ID | {"accessor": "accessor-1", "wrapping_token": "wrapped the-secret-id"}


def test_a_destroyed_secret_id_leaves_the_state_so_that_another_one_is_delivered() -> None:
    provider = WrappedSecretIdProvider()
    outs = provider.create(SECRET_ID).outs
    assert outs is not None
    assert provider.read("accessor-1", outs).outs == outs

    provider.delete("accessor-1", outs)

    assert provider.read("accessor-1", outs).id is None
    provider.delete("accessor-1", outs)


def test_an_error_that_is_not_about_the_accessor_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    outs = WrappedSecretIdProvider().create(SECRET_ID).outs
    assert outs is not None

    def refuse(*_: object) -> dict[str, Any]:
        raise VaultError("permission denied", 403)

    monkeypatch.setattr(VaultClient, "write", refuse)

    with pytest.raises(Exception, match="permission denied"):
        WrappedSecretIdProvider().read("accessor-1", outs)
