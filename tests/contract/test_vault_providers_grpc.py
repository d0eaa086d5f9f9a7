"""Vault's initialisation and the registry's level, over gRPC as the engine drives them."""

from __future__ import annotations

import httpx
import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.runtime.proto import provider_pb2

from components.registry_compatibility import CompatibilityProvider
from components.vault.database import PostgresAccessProvider, ScyllaAccessProvider
from components.vault.init import AdminTokenProvider, VaultInitProvider
from components.vault.secret_id import WrappedSecretIdProvider
from tests.contract.dynamic_server import DynamicServer, pickled
from tests.doubles import served
from tests.fake_vault import FakeVault

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    "provider",
    [
        VaultInitProvider(),
        AdminTokenProvider(),
        CompatibilityProvider(),
        PostgresAccessProvider(),
        ScyllaAccessProvider(),
        WrappedSecretIdProvider(),
    ],
    ids=lambda provider: type(provider).__name__,
)
def test_a_provider_is_pickled_by_reference(provider: ResourceProvider) -> None:
    assert len(pickled(provider)) < 200
    assert provider.serialize_as_secret_always is False


def test_a_server_is_initialised_sealed_and_unsealed_again(dynamic_server: DynamicServer) -> None:
    provider, fake = VaultInitProvider(), FakeVault()
    dynamic_server.configure({})
    with served(fake) as url:
        wanted = {"address": url, "container_id": "one"}
        id_, state = dynamic_server.create(provider, wanted)
        assert state["unseal_keys"] == ["key-1"]
        assert dynamic_server.diff(provider, id_, state, wanted).changes == NONE

        fake.sealed = True
        _, refreshed = dynamic_server.read(provider, id_, state)
        assert dynamic_server.diff(provider, id_, refreshed, wanted).changes == SOME
        assert dynamic_server.update(provider, id_, refreshed, wanted) == state
        assert not fake.sealed

        fake.initialized = False
        assert dynamic_server.read(provider, id_, state)[0] == ""


def test_an_initialised_server_without_its_key_fails_the_deployment(dynamic_server: DynamicServer) -> None:
    dynamic_server.configure({})
    with served(FakeVault(initialized=True)) as url:
        message = dynamic_server.error_of(lambda: dynamic_server.create(VaultInitProvider(), {"address": url}))

    assert "is initialised already" in message


def test_the_admin_token_comes_from_the_configuration_and_stays_out_of_the_state(
    dynamic_server: DynamicServer,
) -> None:
    provider, fake = AdminTokenProvider(), FakeVault(initialized=True, sealed=False)
    fake.tokens = {"root-token"}
    dynamic_server.configure({"vaultToken": "admin-token"})
    with served(fake) as url:
        id_, state = dynamic_server.create(provider, {"address": url, "root_token": "root-token"})

        assert fake.tokens == {"admin-token"}
        assert "admin-token" not in repr(state)
        assert dynamic_server.read(provider, id_, state)[0] == id_


def test_the_registrys_level_is_set_and_drift_is_seen(dynamic_server: DynamicServer) -> None:
    level = "NONE"

    def registry(request: httpx.Request) -> httpx.Response:
        nonlocal level
        if request.method == "PUT":
            level = "BACKWARD"
        return httpx.Response(200, json={"compatibilityLevel": level})

    provider = CompatibilityProvider()
    dynamic_server.configure({})
    with served(registry) as url:
        wanted = {"url": url, "subject": "", "level": "BACKWARD"}
        id_, state = dynamic_server.create(provider, wanted)
        assert (state, level) == (wanted, "BACKWARD")

        level = "FULL"
        _, drifted = dynamic_server.read(provider, id_, state)
        assert dynamic_server.diff(provider, id_, drifted, wanted).changes == SOME
