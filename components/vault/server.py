"""A Vault server on one Docker host: file storage on a volume; it has to be initialised and unsealed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi

from components import ports
from components.hardening import TO_ANOTHER_USER
from components.service import File, HealthCheck, Host, Port, Service, ServiceArgs, Volume, named_volume
from components.tls.certificate import ServerCertificate
from components.tls.files import server_files, trusted_files
from components.vault import audit
from components.vault.tls import VAULT_UID, client_environment

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class VaultServerArgs:
    """One server."""

    host: Host
    image: pulumi.Input[str]
    monitored: bool = False
    """Show metrics on a port of its own, to the network only."""
    trusted: str = ""
    """Authorities (PEM) by which Vault verifies the databases."""
    certificate: ServerCertificate | None = None
    """With it Vault speaks https only."""


class VaultServer(pulumi.ComponentResource):
    """One Vault server with its data on a volume."""

    host_inside: str = "vault"
    address_inside: str
    address_outside: str
    service: Service

    def __init__(self, name: str, args: VaultServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:vault:VaultServer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        data = named_volume("vault-data", args.host, child)
        audit_logs = named_volume("vault-audit", args.host, child)
        configs = ["server.hcl", *(["server-metrics.hcl"] if args.monitored else [])]
        scheme, folder = ("https", FILES / "tls") if args.certificate else ("http", FILES)
        self.service = Service(
            "vault",
            ServiceArgs(
                image=args.image,
                host=args.host,
                alias=self.host_inside,
                memory_mb=512,
                # No IPC_LOCK for the binary: memory locking is off, see server.hcl.
                env={
                    "SKIP_SETCAP": "true",
                    **client_environment(f"{scheme}://127.0.0.1:{ports.VAULT}", args.trusted),
                    **audit.rotation_env(),
                },
                command=["sh", "/vault/server.sh"],
                ports=[Port(ports.VAULT, ports.PUBLISHED_VAULT)],
                volumes=[Volume(data.name, "/vault/file"), Volume(audit_logs.name, audit.FOLDER)],
                files=[
                    *(File(f"/vault/config/{name}", (folder / name).read_text()) for name in configs),
                    File("/vault/server.sh", (FILES / "server.sh").read_text()),
                    *trusted_files(args.trusted),
                    *(server_files(args.certificate, VAULT_UID) if args.certificate else []),
                ],
                # Exit status 2 is a sealed server: it answers, and can be initialised and unsealed.
                health=HealthCheck("vault status >/dev/null; [ $? -ne 1 ]"),
                capabilities=TO_ANOTHER_USER,
            ),
            child,
        )
        self.address_inside = f"{scheme}://{self.host_inside}:{ports.VAULT}"
        self.address_outside = f"{scheme}://{args.host.address(ports.PUBLISHED_VAULT)}"
        self.register_outputs({"address": self.address_outside})
