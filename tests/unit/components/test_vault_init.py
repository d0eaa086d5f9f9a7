"""Vault's first initialisation: keys are never lost, and every step can be run again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from components.vault.client import VaultClient, VaultError
from components.vault.init import AdminTokenProvider, VaultInitProvider
from tests.fake_vault import FakeVault

ADDRESS = "http://vault.test:8200"


@pytest.fixture
def vault() -> FakeVault:
    return FakeVault()


@pytest.fixture(autouse=True)
def _transport(vault: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(_self: object, props: dict[str, Any]) -> VaultClient:
        return VaultClient(props["address"], httpx.MockTransport(vault), retry_seconds=0)

    monkeypatch.setattr(VaultInitProvider, "_client", client)
    monkeypatch.setattr(AdminTokenProvider, "_client", client)


def admin_provider() -> AdminTokenProvider:
    provider = AdminTokenProvider()
    provider._token = "admin-token"
    return provider


def test_create_initialises_and_unseals(vault: FakeVault) -> None:
    result = VaultInitProvider().create({"address": ADDRESS})

    assert result.outs == {
        "address": ADDRESS, "root_token": "root-token", "unseal_keys": ["key-1"], "sealed": False
    }  # fmt: skip
    assert not vault.sealed


def test_who_unseals_later_finds_in_the_state_whom_to_trust(vault: FakeVault) -> None:
    provider = VaultInitProvider()
    provider._trusted = "authorities"
    state = provider.create({"address": ADDRESS}).outs or {}

    assert state["trusted"] == "authorities"
    assert (provider.update(ADDRESS, state, {"address": ADDRESS}).outs or {})["trusted"] == "authorities"
    assert vault.initialized


def test_a_certificate_that_is_not_trusted_is_said_at_once() -> None:
    calls = []

    def refuse(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")

    with (
        VaultClient(ADDRESS, httpx.MockTransport(refuse)) as client,
        pytest.raises(VaultError, match="shows a certificate that is not trusted here"),
    ):
        client.is_sealed()
    assert len(calls) == 1


def test_keys_are_kept_even_when_unsealing_fails(vault: FakeVault) -> None:
    vault.refuse_unseal = True

    result = VaultInitProvider().create({"address": ADDRESS})

    assert result.outs is not None
    assert result.outs["unseal_keys"] == ["key-1"]
    assert result.outs["sealed"] is True


def test_a_server_with_somebody_elses_data_is_refused_with_the_way_out(vault: FakeVault) -> None:
    vault.initialized = True

    with pytest.raises(VaultError, match="docker volume rm"):
        VaultInitProvider().create({"address": ADDRESS})

    assert ("PUT", "/v1/sys/init") not in vault.requests


def test_a_restarted_server_is_drift_and_update_unseals_it(vault: FakeVault) -> None:
    provider = VaultInitProvider()
    state = provider.create({"address": ADDRESS}).outs or {}
    vault.sealed = True

    refreshed = provider.read(ADDRESS, state)
    assert refreshed.outs is not None
    assert refreshed.outs["sealed"] is True
    assert provider.diff(ADDRESS, refreshed.outs, {"address": ADDRESS}).changes

    updated = provider.update(ADDRESS, refreshed.outs, {"address": ADDRESS})
    assert updated.outs == state
    assert not vault.sealed


def test_a_server_that_lost_its_data_is_gone() -> None:
    assert VaultInitProvider().read(ADDRESS, {"address": ADDRESS}).id is None


def test_an_unsealed_server_needs_nothing() -> None:
    provider = VaultInitProvider()
    state = provider.create({"address": ADDRESS}).outs or {}

    assert not provider.diff(ADDRESS, state, {"address": ADDRESS}).changes


def test_a_new_container_is_unsealed(vault: FakeVault) -> None:
    provider = VaultInitProvider()
    old = provider.create({"address": ADDRESS, "container_id": "one"}).outs or {}
    vault.sealed = True
    wanted = {"address": ADDRESS, "container_id": "two"}

    assert provider.diff(ADDRESS, old, wanted).changes
    updated = provider.update(ADDRESS, old, wanted)

    assert not vault.sealed
    assert updated.outs == {**old, **wanted}


def test_another_address_is_another_server() -> None:
    diff = VaultInitProvider().diff(ADDRESS, {"address": ADDRESS}, {"address": "http://other"})

    assert diff.replaces == ["address"]


def test_the_admin_token_replaces_the_root_token(vault: FakeVault) -> None:
    vault.tokens = {"root-token"}

    result = admin_provider().create({"address": ADDRESS, "root_token": "root-token"})

    assert vault.tokens == {"admin-token"}
    assert result.outs == {"address": ADDRESS}


def test_a_crash_after_the_admin_token_was_made_is_picked_up(vault: FakeVault) -> None:
    vault.tokens = {"root-token", "admin-token"}

    admin_provider().create({"address": ADDRESS, "root_token": "root-token"})

    assert vault.tokens == {"admin-token"}


def test_neither_token_valid_says_what_to_do_without_naming_a_token() -> None:
    with pytest.raises(VaultError) as error:
        admin_provider().create({"address": ADDRESS, "root_token": "root-token"})

    assert "vaultToken" in str(error.value)
    assert "admin-token" not in str(error.value)


def test_a_revoked_admin_token_is_gone(vault: FakeVault) -> None:
    vault.sealed = False

    assert admin_provider().read("id", {"address": ADDRESS}).id is None


def test_a_sealed_server_does_not_lose_the_admin_token() -> None:
    assert admin_provider().read("id", {"address": ADDRESS}).id == "id"


def test_an_unreachable_server_is_named() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with (
        VaultClient(ADDRESS, httpx.MockTransport(refuse), retry_seconds=0) as client,
        pytest.raises(VaultError, match=r"vault\.test.*does not answer"),
    ):
        client.is_initialized()


def test_too_few_unseal_keys_are_reported() -> None:
    def still_sealed(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"sealed": True})

    with (
        VaultClient(ADDRESS, httpx.MockTransport(still_sealed)) as client,
        pytest.raises(VaultError, match="still sealed after all 1 unseal keys"),
    ):
        client.unseal(["key-1"])
