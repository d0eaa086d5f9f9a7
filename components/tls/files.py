"""Where a container finds certificates, and the files that hold them."""

from __future__ import annotations

from typing import Final

import pulumi

from components.service import File
from components.tls.authority import KEYSTORE_PASSWORD
from components.tls.certificate import ServerCertificate
from components.tls.truststore import TrustStore

FOLDER: Final = "/etc/cdc"
CA_PATH: Final = f"{FOLDER}/ca.pem"
"""Authorities that the container's clients trust."""
CERTIFICATE_PATH: Final = f"{FOLDER}/server.crt"
KEY_PATH: Final = f"{FOLDER}/server.key"
PAIR_PATH: Final = f"{FOLDER}/server.pem"
"""Key and certificate in one file, as Kafka wants them."""
KEYSTORE_PATH: Final = f"{FOLDER}/server.p12"
TRUSTSTORE_PATH: Final = f"{FOLDER}/trusted.p12"
TRUSTSTORE_OPTIONS: Final = (
    f"-Djavax.net.ssl.trustStore={TRUSTSTORE_PATH} -Djavax.net.ssl.trustStoreType=PKCS12 "
    f"-Djavax.net.ssl.trustStorePassword={KEYSTORE_PASSWORD}"
)
"""A JVM with them believes the trusted authorities, and no longer those of its own installation."""


def trusted_files(trusted: str) -> list[File]:
    """What a container needs to verify servers; nothing where there is no TLS."""
    return [File(CA_PATH, trusted)] if trusted else []


def truststore_file(store: TrustStore) -> File:
    """What Java's own client classes trust."""
    return File(TRUSTSTORE_PATH, store.truststore_base64, binary=True)


def server_files(certificate: ServerCertificate, owner_uid: int) -> list[File]:
    """Certificate and key, each in a file."""
    return [
        File(CERTIFICATE_PATH, certificate.certificate_pem),
        File(KEY_PATH, certificate.private_key_pem, secret=True, owner_uid=owner_uid),
    ]


def pair_file(certificate: ServerCertificate, owner_uid: int) -> File:
    """Key and certificate in one file."""
    both = pulumi.Output.concat(certificate.private_key_pem, certificate.certificate_pem)
    return File(PAIR_PATH, both, secret=True, owner_uid=owner_uid)


def keystore_file(certificate: ServerCertificate, owner_uid: int) -> File:
    """Key and certificate as PKCS #12."""
    return File(KEYSTORE_PATH, certificate.keystore_base64, secret=True, owner_uid=owner_uid, binary=True)
