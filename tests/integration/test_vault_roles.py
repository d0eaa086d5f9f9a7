"""Each consumer of Vault reads its own secrets and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pipeline import Pipeline
from tests.support.vault import VaultApi, administrator

pytestmark = pytest.mark.integration

OWN = {
    "connect": ["cdc-database/static-creds/cdc_reader", "cdc-database/static-creds/cdc_writer"],
    "reconcile": ["cdc-database/static-creds/cdc_reconcile", "cdc-database/creds/reconcile"],
    "canary": ["cdc-database/static-creds/cdc_canary", "cdc-database/static-creds/cdc_canary_reader"],
}
FORBIDDEN_FOR_ALL = [
    ("GET", "cdc-database/config/postgres"),
    ("POST", "cdc-database/config/postgres"),
    ("POST", "cdc-database/rotate-root/postgres"),
    ("POST", "cdc-database/rotate-role/cdc_writer"),
    ("GET", "cdc-database/static-roles/cdc_writer"),
    ("POST", "cdc-database/roles/another"),
    ("GET", "cdc-database/creds/another"),
    ("LIST", "cdc-database/roles"),
    ("GET", "cdc/data/scylla"),
    ("GET", "cdc/data/postgres"),
    ("LIST", "cdc/metadata"),
    ("GET", "sys/mounts"),
    ("GET", "sys/auth"),
    ("GET", "sys/audit"),
    ("PUT", "sys/audit/another"),
    ("DELETE", "sys/audit/file"),
    ("PUT", "sys/seal"),
    ("LIST", "sys/policies/acl"),
    ("GET", "sys/policies/acl/cdc-pipeline"),
    ("PUT", "sys/policies/acl/cdc-pipeline"),
    ("POST", "sys/mounts/another"),
    ("GET", "sys/leases/lookup"),
    ("LIST", "auth/approle/role"),
    ("GET", "auth/approle/role/connect/role-id"),
    ("POST", "auth/approle/role/connect/secret-id"),
    ("POST", "auth/approle/role/reconcile/secret-id"),
    ("POST", "auth/token/create"),
    ("POST", "auth/token/create-orphan"),
    ("LIST", "auth/token/accessors"),
    ("LIST", "identity/entity/id"),
]


@pytest.fixture(scope="module")
def vault(pipeline: Pipeline) -> Iterator[VaultApi]:
    with administrator(pipeline) as api:
        yield api


@pytest.mark.parametrize("consumer", OWN)
def test_a_consumer_reads_its_own_secrets(vault: VaultApi, consumer: str) -> None:
    api = vault.login(consumer).api

    assert {path: api.status("GET", path) for path in OWN[consumer]} == dict.fromkeys(OWN[consumer], 200)


@pytest.mark.parametrize("consumer", OWN)
def test_every_other_path_is_forbidden(vault: VaultApi, consumer: str) -> None:
    api = vault.login(consumer).api
    others = [path for other, paths in OWN.items() if other != consumer for path in paths]
    changes = [(method, path) for path in OWN[consumer] for method in ("POST", "DELETE")]

    tried = [*FORBIDDEN_FOR_ALL, *changes, *(("GET", path) for path in others)]
    answers = {(method, path): api.status(method, path, data={"x": "y"}) for method, path in tried}
    assert answers == dict.fromkeys(tried, 403)


def test_an_operator_reads_the_administrators_logins_and_nothing_else(vault: VaultApi, pipeline: Pipeline) -> None:
    api = vault.with_policy("cdc-operator")

    login = api.call("GET", "cdc/data/postgres")["data"]["data"]
    assert (login["username"], login["password"]) == (
        pipeline.outputs.postgres.username,
        pipeline.outputs.postgres.password,
    )
    assert set(api.call("LIST", "cdc/metadata")["data"]["keys"]) == {"postgres", "scylla"}
    tried = [
        *(each for each in FORBIDDEN_FOR_ALL if not each[1].startswith("cdc/")),
        *(("GET", path) for paths in OWN.values() for path in paths),
        ("POST", "cdc/data/postgres"),
        ("DELETE", "cdc/metadata/postgres"),
    ]
    answers = {(method, path): api.status(method, path, data={"x": "y"}) for method, path in tried}
    assert answers == dict.fromkeys(tried, 403)


def test_the_root_token_is_gone(vault: VaultApi) -> None:
    accessors = vault.call("LIST", "auth/token/accessors")["data"]["keys"]
    tokens = [vault.call("POST", "auth/token/lookup-accessor", accessor=accessor)["data"] for accessor in accessors]

    assert [token["path"] for token in tokens if token["path"] == "auth/token/root"] == []
    assert [token["display_name"] for token in tokens if "root" in token["policies"]] == ["token-pulumi"]
