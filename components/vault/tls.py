"""What Vault's own binary needs, as a client, to verify a server."""

from __future__ import annotations

from typing import Final

from components.service import File
from components.tls.files import CA_PATH, trusted_files

VAULT_UID: Final = 100
"""User `vault` of Vault's image; its group has the same number as that of the consumers' users."""


def client_environment(address: str, trusted: str) -> dict[str, str]:
    """Where the server is, and whom to believe instead of the system's authorities, if that is known."""
    return {"VAULT_ADDR": address} | ({"VAULT_CACERT": CA_PATH} if _verifies(address, trusted) else {})


def client_files(address: str, trusted: str) -> list[File]:
    """The file that it names."""
    return trusted_files(trusted) if _verifies(address, trusted) else []


def _verifies(address: str, trusted: str) -> bool:
    return bool(trusted) and address.startswith("https:")
