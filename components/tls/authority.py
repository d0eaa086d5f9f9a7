"""An own certificate authority: a text that holds certificate and key, made once; it signs servers' certificates."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS: Final = 3650
CLOCK_SKEW: Final = timedelta(hours=1)
"""Clocks of other machines may be behind this one."""
KEYSTORE_PASSWORD: Final = "changeit"  # noqa: S105
"""Java wants one. It protects nothing: the file that holds the keys does, which its owner alone can read."""


class AuthorityError(ValueError):
    """A text that is no authority. The message never shows it."""


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate_pem: str
    private_key_pem: str = field(repr=False)
    not_after: datetime

    def keystore(self) -> bytes:
        """Both as PKCS #12, for Java's servers that know no PEM."""
        key = serialization.load_pem_private_key(self.private_key_pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 `issue` has made it
        return pkcs12.serialize_key_and_certificates(
            b"server",
            key,
            x509.load_pem_x509_certificate(self.certificate_pem.encode()),
            None,
            serialization.BestAvailableEncryption(KEYSTORE_PASSWORD.encode()),
        )


@dataclass(frozen=True)
class Authority:
    """What signs certificates."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)

    @classmethod
    def parse(cls, pem: str) -> Authority:
        """Read what `new_authority` or somebody else has made: a CA's certificate and its key, in PEM.

        Raises:
            AuthorityError: it is not that.
        """
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            key = serialization.load_pem_private_key(pem.encode(), None)
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (ValueError, TypeError, x509.ExtensionNotFound):
            raise AuthorityError("is no certificate of a CA with its unencrypted key, both in PEM") from None
        if not constraints.ca:
            raise AuthorityError("is the certificate of a server, not of a CA")
        if key.public_key() != certificate.public_key():
            raise AuthorityError("holds a key that is not that of its certificate")
        return cls(certificate, key)  # type: ignore[arg-type] # one of those that can sign: it is a CA's

    @property
    def certificate_pem(self) -> str:
        """What clients trust."""
        return _pem(self.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def issue(self, names: Sequence[str], days: int, now: datetime, *, client: bool = False) -> Signed:
        """A new key with a certificate for these DNS names and IP addresses; the first one is the subject's name.

        With `client` it opens connections as well as it takes them.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if client else [])]
        not_after = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return Signed(_pem(certificate), _key_pem(key), not_after)


def new_authority(name: str, now: datetime | None = None) -> str:
    """Certificate and key of a new authority, in PEM."""
    begin = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - CLOCK_SKEW)
        .not_valid_after(begin + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate) + _key_pem(key)


_SIGNS_ONLY: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def certificates_problem(pem: str) -> str | None:
    """What is wrong with a text that should hold certificates in PEM and nothing else, or None."""
    if "PRIVATE KEY" in pem:
        return "holds a private key; only certificates belong there"
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return "holds no certificate in PEM"
    return None


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
