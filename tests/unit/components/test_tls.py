"""Certificates: who may sign, what is signed, when it is signed anew, and who is believed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from pulumi.dynamic import ConfigureRequest

from components.provider_errors import ProviderError
from components.scylla.provider import speaks_tls
from components.scylla.session import Credentials, ScyllaUnreachableError, open_session
from components.tls.authority import KEYSTORE_PASSWORD, Authority, AuthorityError, certificates_problem, new_authority
from components.tls.certificate import AUTHORITY_KEY, RENEW_DAYS, VALID_DAYS, CertificateProvider
from components.tls.trust import CA_KEY, ca_path, client_context, trusted_pem
from components.tls.truststore import TrustStoreProvider, java_truststore
from tests.doubles import tcp_server

NOW = datetime.now(UTC)
OURS, OTHERS = new_authority("ours"), new_authority("others")


def provider(authority: str = OURS, now: datetime = NOW) -> CertificateProvider:
    class Provider(CertificateProvider):
        pass

    Provider.now = lambda: now
    made = Provider()
    made.configure(cast(ConfigureRequest, SimpleNamespace(config={AUTHORITY_KEY: authority} if authority else {})))
    return made


def inputs(**changed: Any) -> dict[str, Any]:
    return {
        "names": ["postgres", "127.0.0.1"],
        "client": False,
        "authority": Authority.parse(OURS).fingerprint,
    } | changed


@contextmanager
def tls_server(folder: Path, names: list[str]) -> Iterator[str]:
    """A server with a certificate of OURS that answers each connection with one byte."""
    signed = Authority.parse(OURS).issue(names, 1, NOW)
    (folder / "pair.pem").write_text(signed.private_key_pem + signed.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")

    def answer(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.sendall(b"!")
        except OSError:
            pass  # the client did not like the certificate

    with tcp_server(answer) as address:
        yield address


def ask(address: str, trusted: str) -> bytes:
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=5) as connection,
        client_context(trusted).wrap_socket(connection, server_hostname=host) as encrypted,
    ):
        return encrypted.recv(1)


def test_a_client_believes_the_stacks_own_authority(tmp_path: Path) -> None:
    with tls_server(tmp_path, ["postgres", "127.0.0.1"]) as address:
        assert ask(address, Authority.parse(OURS).certificate_pem) == b"!"


def test_a_client_believes_nobody_else(tmp_path: Path) -> None:
    with tls_server(tmp_path, ["postgres", "127.0.0.1"]) as address:
        for trusted in ("", Authority.parse(OTHERS).certificate_pem):
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
                ask(address, trusted)


def test_a_client_does_not_take_another_servers_certificate(tmp_path: Path) -> None:
    with (
        tls_server(tmp_path, ["postgres"]) as address,
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"),
    ):
        ask(address, Authority.parse(OURS).certificate_pem)


def test_a_signed_certificate_serves_and_logs_in_only_where_it_should() -> None:
    for client in (False, True):
        signed = Authority.parse(OURS).issue(["kafka-1"], 1, NOW, client=client)
        certificate = x509.load_pem_x509_certificate(signed.certificate_pem.encode())
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (ExtendedKeyUsageOID.CLIENT_AUTH in usages) is client
        assert ExtendedKeyUsageOID.SERVER_AUTH in usages
        certificate.verify_directly_issued_by(Authority.parse(OURS).certificate)


def test_a_keystore_holds_key_and_certificate() -> None:
    signed = Authority.parse(OURS).issue(["connect-1"], 1, NOW)
    key, certificate, more = pkcs12.load_key_and_certificates(signed.keystore(), KEYSTORE_PASSWORD.encode())
    assert key is not None
    assert certificate == x509.load_pem_x509_certificate(signed.certificate_pem.encode())
    assert more == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "no certificate of a CA"),
        (Authority.parse(OURS).certificate_pem, "no certificate of a CA with its unencrypted key"),
        (OTHERS[OTHERS.index("-----BEGIN PRIVATE") :] + Authority.parse(OURS).certificate_pem, "not that of its"),
    ],
)
def test_what_is_no_authority_is_refused_without_showing_it(text: str, problem: str) -> None:
    with pytest.raises(AuthorityError, match=problem) as error:
        Authority.parse(text)
    assert "BEGIN" not in str(error.value)


def test_a_servers_certificate_cannot_sign() -> None:
    signed = Authority.parse(OURS).issue(["postgres"], 1, NOW)
    with pytest.raises(AuthorityError, match=r"no certificate of a CA|of a server"):
        Authority.parse(signed.certificate_pem + signed.private_key_pem)


def test_a_certificate_never_outlives_its_authority() -> None:
    authority = Authority.parse(OURS)
    signed = authority.issue(["postgres"], 100_000, NOW)
    assert signed.not_after == authority.certificate.not_valid_after_utc


def test_the_resource_signs_and_keeps_the_authoritys_key_to_itself() -> None:
    state = provider().create(inputs()).outs
    assert state is not None
    assert datetime.fromisoformat(state["not_after"]) == (NOW + timedelta(days=VALID_DAYS)).replace(microsecond=0)
    key = OURS[OURS.index("-----BEGIN PRIVATE") :]
    assert key not in str(state)


def test_nothing_changes_until_a_certificate_ends_soon() -> None:
    state = provider().create(inputs()).outs or {}
    early, late = (NOW + timedelta(days=VALID_DAYS - RENEW_DAYS + days) for days in (-1, 1))
    assert provider(now=early).diff("postgres", state, inputs()).changes is False
    assert provider(now=late).diff("postgres", state, inputs()).changes is True
    renewed = provider(now=late).update("postgres", state, inputs()).outs or {}
    assert provider(now=late).diff("postgres", renewed, inputs()).changes is False


@pytest.mark.parametrize("changed", [{"names": ["pg"]}, {"client": True}, {"authority": "other"}])
def test_another_name_use_or_authority_is_signed_anew_in_place(changed: dict[str, Any]) -> None:
    state = provider().create(inputs()).outs or {}
    difference = provider().diff("postgres", state, inputs(**changed))
    assert difference.changes is True
    assert not difference.replaces


def test_without_an_authority_the_config_key_is_named() -> None:
    with pytest.raises(ProviderError, match=f"certificate of postgres: config key {AUTHORITY_KEY}"):
        provider(authority="").create(inputs())


def test_clients_trust_the_own_authority_and_those_of_the_configuration() -> None:
    theirs = Authority.parse(OTHERS).certificate_pem
    nothing: dict[str, Any] = {}
    assert trusted_pem(nothing.get) == ""
    assert trusted_pem({AUTHORITY_KEY: OURS, CA_KEY: theirs}.get) == Authority.parse(OURS).certificate_pem + theirs
    assert "PRIVATE KEY" not in trusted_pem({AUTHORITY_KEY: OURS}.get)


def test_libpq_gets_a_file_and_no_file_where_there_is_no_tls() -> None:
    path = ca_path("certificates")
    assert path is not None
    assert Path(path).read_text() == "certificates"
    assert ca_path("certificates") == path
    assert ca_path("") is None


@pytest.mark.parametrize(
    ("names", "trusted", "said"),
    [
        (["localhost"], OURS, "protocol|closed|unpack|version|Timed out creating connection"),
        (["scylla"], OURS, "Hostname mismatch"),
        (["localhost"], OTHERS, "certificate verify failed"),
    ],
    ids=["right", "another server", "another authority"],
)
def test_a_cql_client_verifies_authority_and_name(tmp_path: Path, names: list[str], trusted: str, said: str) -> None:
    """The server is no ScyllaDB: that is what is said of the right one, or that it does not answer."""
    with tls_server(tmp_path, names) as address:
        point = f"localhost:{address.rpartition(':')[2]}"
        session = open_session([point], Credentials("cassandra", "x"), Authority.parse(trusted).certificate_pem)
        with pytest.raises(ScyllaUnreachableError, match=said), session:
            pass


def test_java_gets_every_authority_that_is_trusted() -> None:
    both = [Authority.parse(each).certificate_pem for each in (OURS, OTHERS)]
    key, certificate, more = pkcs12.load_key_and_certificates(
        java_truststore("".join(both)), KEYSTORE_PASSWORD.encode()
    )
    assert (key, certificate) == (None, None)
    assert {x509.load_pem_x509_certificate(each.encode()) for each in both} == set(more)


def test_javas_file_is_made_anew_for_other_authorities_only() -> None:
    ours, others = (Authority.parse(each).certificate_pem for each in (OURS, OTHERS))
    provider = TrustStoreProvider()
    state = provider.create({"trusted": ours}).outs or {}
    assert provider.diff("truststore", state, {"trusted": ours}).changes is False
    assert provider.diff("truststore", state, {"trusted": others}).changes is True
    assert provider.update("truststore", state, {"trusted": others}).outs != state


@pytest.mark.parametrize(
    ("config", "tls"),
    [
        ({}, False),
        ({"transportSecurity": "none", "scyllaTlsEnabled": "true"}, False),
        ({"transportSecurity": "tls", "scyllaMode": "container"}, True),
        ({"transportSecurity": "tls", "scyllaMode": "external"}, False),
        ({"transportSecurity": "none", "scyllaMode": "external", "scyllaTlsEnabled": "true"}, True),
    ],
)
def test_the_providers_know_whether_scylla_speaks_tls(config: dict[str, str], tls: bool) -> None:
    assert speaks_tls(config.get) is tls


def test_only_certificates_may_be_trusted() -> None:
    assert certificates_problem(Authority.parse(OURS).certificate_pem) is None
    assert "private key" in str(certificates_problem(OURS))
    assert "no certificate" in str(certificates_problem("nonsense"))
