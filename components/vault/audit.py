"""Vault's audit log: every request with who made it; secrets only as keyed digests."""

from __future__ import annotations

from typing import Final

import pulumi_vault as vault

from components.configured import Server

FOLDER: Final = "/vault/logs"
FILE: Final = f"{FOLDER}/audit.log"
MAX_BYTES: Final = 20 * 1024 * 1024
"""A larger file is put aside."""
KEEP: Final = 5
"""Files that were put aside and stay."""
CHECK_SECONDS: Final = 5


def audit_log(server: Server) -> vault.Audit:
    """Switch the audit log on. From then on Vault answers only what it could log."""
    return vault.Audit(
        "audit", type="file", path="file", options={"file_path": FILE, "mode": "0600"}, opts=server.options()
    )


def rotation_env() -> dict[str, str]:
    """What `server.sh` has to know to rotate the file."""
    return {
        "AUDIT_FILE": FILE,
        "AUDIT_MAX_BYTES": str(MAX_BYTES),
        "AUDIT_KEEP": str(KEEP),
        "AUDIT_CHECK_SECONDS": str(CHECK_SECONDS),
    }
