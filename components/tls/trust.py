"""What the clients of a stack trust: the stack's own authority, and those that its configuration names.

Both are config keys, so that every client finds them in one place: the program, the dynamic providers (through
`configure`) and, as the stack's output `transport`, the operator's tools.
"""

from __future__ import annotations

import atexit
import os
import ssl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from components.tls.authority import Authority
from components.tls.certificate import AUTHORITY_KEY

CA_KEY: Final = "tlsCaCertificate"
"""Config key of further authorities, those of external services: certificates in PEM."""


def trusted_pem(config: Callable[[str], Any]) -> str:
    """Certificates of all trusted authorities, in PEM; empty where nothing beyond the system's own is trusted.

    Args:
        config: returns the value of a config key, or None.
    """
    authority, others = config(AUTHORITY_KEY), config(CA_KEY)
    own = Authority.parse(str(authority)).certificate_pem if authority else ""
    return own + (f"{str(others).strip()}\n" if others else "")


def client_context(trusted: str) -> ssl.SSLContext:
    """TLS of a client that verifies the server's name and its certificate: by these authorities and the system's."""
    context = ssl.create_default_context()
    if trusted:
        context.load_verify_locations(cadata=trusted)
    return context


def distrust(error: Exception) -> str:
    """What to say of a failed request where the server's certificate is the cause; else empty."""
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return ""
    return (
        f"shows a certificate that is not trusted here ({error}); "
        f"{CA_KEY} in the stack's config names further authorities"
    )


def ca_path(trusted: str) -> str | None:
    """A file with these certificates for libpq, which takes no others; None where there are none."""
    return _file(trusted) if trusted else None


@cache
def _file(trusted: str) -> str:
    """A file that lives until the process ends."""
    descriptor, path = tempfile.mkstemp(prefix="cdc-trusted-", suffix=".pem")
    atexit.register(Path(path).unlink, missing_ok=True)
    with os.fdopen(descriptor, "w") as file:
        file.write(trusted)
    return path
