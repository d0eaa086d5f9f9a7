"""What Java's own client classes trust, as a resource: PKCS #12 holds random salt, so that it is made once and kept."""

from __future__ import annotations

import base64
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from components.provider_errors import short_errors
from components.tls.authority import KEYSTORE_PASSWORD


def java_truststore(trusted: str) -> bytes:
    """Certificates (PEM) as PKCS #12."""
    certificates = x509.load_pem_x509_certificates(trusted.encode())
    named = [
        pkcs12.PKCS12Certificate(certificate, f"trusted-{number}".encode())
        for number, certificate in enumerate(certificates, start=1)
    ]
    return pkcs12.serialize_java_truststore(named, BestAvailableEncryption(KEYSTORE_PASSWORD.encode()))


class TrustStoreProvider(ResourceProvider):
    """Makes the file in `create` and `update`; asks nobody."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Other authorities are another file."""
        return DiffResult(changes=_olds.get("trusted") != _news.get("trusted"))

    @short_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the file."""
        return CreateResult("truststore", self._made(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The state is all there is."""
        return ReadResult(id_, props)

    @short_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Make the file anew."""
        return UpdateResult(self._made(_news))

    def _made(self, props: dict[str, Any]) -> dict[str, Any]:
        store = base64.b64encode(java_truststore(props["trusted"])).decode()
        return {"trusted": props["trusted"], "truststore_base64": store}


class TrustStore(Resource, module="tls", name="TrustStore"):
    """The trusted authorities as PKCS #12. No secret."""

    trusted: pulumi.Output[str]
    truststore_base64: pulumi.Output[str]

    def __init__(self, name: str, trusted: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TrustStoreProvider(), name, {"trusted": trusted, "truststore_base64": None}, opts)
