"""The pipeline's secrets in Vault: KV v2 at `cdc/`, a policy, and an AppRole that may read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_vault as vault

from components.configured import Server

MOUNT = "cdc"
POLICY = "cdc-pipeline"
POLICIES = Path(__file__).parent / "policies"


@dataclass(frozen=True)
class LoginSecret:
    """A user name and its password."""

    username: pulumi.Input[str]
    password: pulumi.Input[str]

    def to_json(self) -> pulumi.Output[str]:
        """The secret as Vault stores it."""
        return pulumi.Output.secret(pulumi.Output.all(username=self.username, password=self.password).apply(json.dumps))


@dataclass(frozen=True)
class PipelineSecretsArgs:
    """What is stored, by name below the mount."""

    server: Server
    logins: Mapping[str, LoginSecret]


class PipelineSecrets(pulumi.ComponentResource):
    """KV v2 mount, secrets, policy and AppRole for the Connect workers."""

    role_id: pulumi.Output[str]
    secret_id: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What the agent has to wait for."""

    def __init__(self, name: str, args: PipelineSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:vault:PipelineSecrets", name, {}, opts)
        inside = args.server.options(self)
        mount = vault.Mount(MOUNT, path=MOUNT, type="kv", options={"version": "2"}, opts=inside)
        logins = [
            vault.generic.Secret(
                f"{MOUNT}-{login}",
                path=f"{MOUNT}/{login}",
                data_json=secret.to_json(),
                opts=args.server.options(self, [mount]),
            )
            for login, secret in args.logins.items()
        ]
        policy = vault.Policy(POLICY, name=POLICY, policy=(POLICIES / f"{POLICY}.hcl").read_text(), opts=inside)
        backend = vault.AuthBackend("approle", type="approle", opts=inside)
        role = vault.approle.AuthBackendRole(
            "connect",
            backend=backend.path,
            role_name="connect",
            token_policies=[policy.name],
            token_ttl=3600,
            token_max_ttl=86400,
            opts=inside,
        )
        secret_id = vault.approle.AuthBackendRoleSecretId(
            "connect", backend=backend.path, role_name=role.role_name, opts=inside
        )
        self.role_id = role.role_id
        self.secret_id = pulumi.Output.secret(secret_id.secret_id)
        self.ready = [*logins, policy, secret_id]
        self.register_outputs({"mount": mount.path})
