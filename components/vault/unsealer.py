"""What opens the stack's own Vault again after a restart. An external one is unsealed by whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

from components.hardening import TO_ANOTHER_USER
from components.heartbeat import heartbeat_environment, heartbeat_volumes
from components.service import File, HealthCheck, Host, ServiceArgs
from components.vault.tls import VAULT_UID, client_environment, client_files

SCRIPT: Final = Path(__file__).parent / "files" / "unseal.sh"
KEY_FILE: Final = "/vault/unseal-key"
OPEN_FILE: Final = "/vault/open"
"""Exists while Vault is open."""
INTERVAL_SECONDS: Final = 3
ANSWER_SECONDS: Final = 5
"""A Vault that does not answer must not look like an unsealer that hangs."""


@dataclass(frozen=True)
class UnsealerArgs:
    """The server, and the key that opens it."""

    host: Host
    image: pulumi.Input[str]
    vault_address: str
    """Vault as seen from the network."""
    unseal_key: pulumi.Input[str]
    trusted: str = ""
    """Authorities (PEM) by which Vault is verified."""


def unsealer_service(args: UnsealerArgs) -> ServiceArgs:
    """The unsealer as a service; healthy while Vault is open."""
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias="vault-unsealer",
        memory_mb=256,
        env={
            **client_environment(args.vault_address, args.trusted),
            "KEY_FILE": KEY_FILE,
            "OPEN_FILE": OPEN_FILE,
            "INTERVAL_SECONDS": str(INTERVAL_SECONDS),
            "VAULT_CLIENT_TIMEOUT": f"{ANSWER_SECONDS}s",
            **heartbeat_environment(args.host, "vault-unsealer"),
        },
        command=["sh", "/vault/unseal.sh"],
        volumes=heartbeat_volumes(args.host),
        files=[
            File("/vault/unseal.sh", SCRIPT.read_text()),
            File(KEY_FILE, args.unseal_key, secret=True, owner_uid=VAULT_UID),
            *client_files(args.vault_address, args.trusted),
        ],
        health=HealthCheck(f"test -e {OPEN_FILE}", start_period_seconds=60),
        capabilities=TO_ANOTHER_USER,
        stop_timeout_seconds=2,
    )
