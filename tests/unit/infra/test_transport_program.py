"""A stack with TLS: what its servers get, how its clients verify them, and that another stack sees nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from components.tls.authority import Authority, new_authority
from infra.config import SettingsError, load_settings
from tests.unit.infra.program import Program, in_runtime, is_secret, plain, run_program

AUTHORITY = new_authority("test")
CA = Authority.parse(AUTHORITY).certificate_pem
TLS: dict[str, Any] = {"transportSecurity": "tls", "tlsAuthority": AUTHORITY}


@pytest.fixture(scope="module")
def secured() -> Program:
    return run_program("testbed", **TLS)


def container(program: Program, name: str) -> dict[str, Any]:
    return dict(program.one("docker:index/container:Container", name).inputs)


def files(program: Program, name: str) -> dict[str, Any]:
    """Content by path."""
    uploads = plain(container(program, name).get("uploads", []))
    return {each["file"]: each.get("content", each.get("contentBase64")) for each in map(plain, uploads)}


def test_without_tls_there_is_no_trace_of_it() -> None:
    program = run_program("testbed")

    assert program.of_type("tls:ServerCertificate") == []
    assert "transport" not in program.outputs
    for resource in program.of_type("docker:index/container:Container"):
        assert not [path for path in files(program, resource.name) if path.startswith("/etc/cdc/")], resource.name
        assert "ssl=on" not in (resource.inputs.get("command") or [])
    assert "sslrootcert" not in program.one("pulumi:providers:postgresql", "postgresql").inputs


def test_the_authoritys_key_reaches_no_resource(secured: Program) -> None:
    key = AUTHORITY[AUTHORITY.index("-----BEGIN PRIVATE") :].splitlines()[1]

    assert not [resource.name for resource in secured.resources if key in str(resource.inputs)]
    assert key not in str(secured.outputs)


def test_postgres_takes_tls_only_and_is_verified_by_every_client(secured: Program) -> None:
    postgres = container(secured, "postgres")
    assert "ssl=on" in postgres["command"]
    assert "hostnossl" in files(secured, "postgres")["/etc/cdc/pg_hba.conf"]
    assert is_secret(postgres["uploads"])

    names = secured.one("tls:ServerCertificate", "postgres").inputs["names"]
    assert names == ["postgres", "localhost", "127.0.0.1"]

    provider = secured.one("pulumi:providers:postgresql", "postgresql").inputs
    assert (provider["sslmode"], provider["sslrootcert"]) == ("verify-full", ".state/trusted-testbed.pem")
    url = secured.one("kafka-connect:Connector", "postgres-sink").inputs["config"]["connection.url"]
    assert "sslmode=verify-full" in url
    assert "sslrootcert=%2Fetc%2Fcdc%2Fca.pem" in url
    assert "sslrootcert: /etc/cdc/ca.pem" in files(secured, "reconcile")["/etc/reconcile/reconcile.yaml"]
    assert secured.one("vault:DatabaseAccess", "postgres").inputs["vault_sslrootcert"] == "/etc/cdc/ca.pem"
    exporter = "\n".join(container(secured, "postgres-exporter")["envs"])
    assert "sslmode=verify-full&sslrootcert=/etc/cdc/ca.pem" in exporter
    for client in ("connect-1", "reconcile", "canary", "vault", "postgres-exporter"):
        assert files(secured, client)["/etc/cdc/ca.pem"] == CA, client
    assert secured.outputs["transport"]["postgres_sslmode"] == "verify-full"
    assert secured.outputs["transport"]["trusted"] == CA


def load(**overrides: Any) -> Any:
    loaded: list[Any] = []
    in_runtime("dev", overrides, _Nothing(), lambda: loaded.append(load_settings()))
    return loaded[0]


class _Nothing:
    def new_resource(self, args: Any) -> Any:
        raise AssertionError(args)

    def call(self, args: Any) -> Any:
        raise AssertionError(args)


def test_an_authority_that_is_none_is_refused_before_anything_is_made() -> None:
    with pytest.raises(SettingsError, match="tlsAuthority: the secret is no certificate of a CA"):
        load(transportSecurity="tls", tlsAuthority="nonsense")
    with pytest.raises(SettingsError, match="tlsAuthority: the secret is missing"):
        load(transportSecurity="tls")


def test_verifying_an_external_server_takes_an_authority() -> None:
    external = {"postgresMode": "external", "postgresHost": "postgres.internal", "postgresSslMode": "verify-full"}
    with pytest.raises(SettingsError, match="tlsCaCertificate: is needed with postgresSslMode verify-full"):
        load(**external)

    settings = load(**external, tlsCaCertificate=CA)
    assert settings.transport.trusted == CA
    assert settings.postgres.ssl_mode == "verify-full"


def test_a_private_key_is_nothing_to_trust() -> None:
    with pytest.raises(SettingsError, match="tlsCaCertificate: holds a private key") as error:
        load(tlsCaCertificate=AUTHORITY)
    assert "BEGIN PRIVATE" not in str(error.value)
