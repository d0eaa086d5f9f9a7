"""Vault Agent beside a consumer (Connect workers, reconcile job): renders its secrets to files that only it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.hardening import TO_ANOTHER_USER
from components.service import File, HealthCheck, Host, ServiceArgs, Volume
from components.vault.secrets import AppRole
from components.vault.tls import VAULT_UID, client_environment, client_files

FILES = Path(__file__).parent / "files"
SECRETS_PATH = "/vault/secrets"
RENDERED = ("scylla.properties", "postgres.properties")

CONSUMER_GID = 1000
SECRETS_VOLUME_OPTIONS = {
    "type": "tmpfs",
    "device": "tmpfs",
    "o": f"size=1m,uid={VAULT_UID},gid={CONSUMER_GID},mode=0751",
}
"""The volume lives in memory; the agent writes it, the consumer's group reads it, nobody else. (Health checks run as
root without capabilities, which only sees whether the files are there.)"""


@dataclass(frozen=True)
class AgentArgs:
    """The agent and where it finds Vault."""

    host: Host
    image: pulumi.Input[str]
    vault_address: str
    """Vault as seen from the network."""
    role: AppRole
    secrets_volume: pulumi.Input[str]
    own_volume: pulumi.Input[str]
    """Where the agent keeps its secret id."""
    scylla_login: str
    postgres_login: str
    """Paths in Vault."""
    alias: str
    monitored: bool = False
    """Show metrics on a port of its own, to the network only."""
    trusted: str = ""
    """Authorities (PEM) by which the agent verifies Vault."""


def agent_service(args: AgentArgs) -> ServiceArgs:
    """The agent as a service; healthy once all secrets are rendered."""
    configs = ["agent.hcl", *(["agent-metrics.hcl"] if args.monitored else [])]
    return ServiceArgs(
        image=args.image,
        host=args.host,
        alias=args.alias,
        memory_mb=256,
        env={
            **client_environment(args.vault_address, args.trusted),
            "SCYLLA_LOGIN": args.scylla_login,
            "POSTGRES_LOGIN": args.postgres_login,
            "SECRET_ID_WRAPPED": str(args.role.wrapped).lower(),
            "CONFIGS": " ".join(configs),
        },
        command=["sh", "/vault/agent/agent.sh"],
        volumes=[
            Volume(args.secrets_volume, SECRETS_PATH, driver_opts=SECRETS_VOLUME_OPTIONS),
            Volume(args.own_volume, "/vault/file"),
        ],
        files=[
            *(File(f"/vault/agent/{name}", (FILES / name).read_text()) for name in [*configs, "agent.sh"]),
            # Another content makes the agent anew, which reads the logins at once.
            File("/vault/agent/generation", args.role.generation),
            *(File(f"/vault/templates/{name}.ctmpl", (FILES / f"{name}.ctmpl").read_text()) for name in RENDERED),
            File("/vault/approle/role-id", args.role.role_id, secret=True, owner_uid=VAULT_UID),
            File("/vault/approle/secret-id", args.role.secret_id, secret=True, owner_uid=VAULT_UID),
            *client_files(args.vault_address, args.trusted),
        ],
        health=HealthCheck(" && ".join(f"test -s {SECRETS_PATH}/{name}" for name in RENDERED), start_period_seconds=60),
        capabilities=TO_ANOTHER_USER,
    )
