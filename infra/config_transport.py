"""Reads the part of the configuration that is about TLS."""

from __future__ import annotations

from typing import Final

from components.tls.authority import Authority, AuthorityError, certificates_problem
from components.tls.certificate import AUTHORITY_KEY
from components.tls.trust import CA_KEY, trusted_pem
from infra.config_reader import Reader
from infra.settings import TransportSettings

CERTIFICATE_EXAMPLE: Final = "|\n        -----BEGIN CERTIFICATE-----"


def read_transport(reader: Reader) -> TransportSettings:
    """Read what every other part of the configuration may depend on."""
    enabled = reader.choice("transportSecurity", "none", "tls") == "tls"
    others = reader.text("tlsCaCertificate")
    if others and (problem := certificates_problem(others)):
        reader.problem(CA_KEY, problem, CERTIFICATE_EXAMPLE)
        others = ""
    if not enabled:
        return TransportSettings(False, "", "", trusted_pem({CA_KEY: others}.get))
    reader.secret(AUTHORITY_KEY)
    try:
        authority = Authority.parse(reader.optional(AUTHORITY_KEY))
    except AuthorityError as error:
        if reader.optional(AUTHORITY_KEY):
            reader.problem(AUTHORITY_KEY, f"the secret {error}", "...")
        return TransportSettings(True, "", "", "")
    trusted = trusted_pem({AUTHORITY_KEY: reader.optional(AUTHORITY_KEY), CA_KEY: others}.get)
    return TransportSettings(True, authority.certificate_pem, authority.fingerprint, trusted)
