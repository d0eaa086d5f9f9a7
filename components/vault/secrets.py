"""The pipeline's secrets in Vault: KV v2 at `cdc/`, and for each consumer an AppRole that reads its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_vault as vault

from components.configured import Server

MOUNT = "cdc"
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
    consumers: Mapping[str, str]
    """AppRole by name, with its policy: a file `policies/<policy>.hcl`."""


@dataclass(frozen=True)
class AppRole:
    """What an agent logs in with."""

    role_id: pulumi.Output[str]
    secret_id: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What the agent has to wait for."""


class PipelineSecrets(pulumi.ComponentResource):
    """KV v2 mount, secrets, and an AppRole with its policy for each consumer."""

    roles: dict[str, AppRole]

    def __init__(self, name: str, args: PipelineSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:vault:PipelineSecrets", name, {}, opts)
        inside = args.server.options(self)
        mount = vault.Mount(MOUNT, path=MOUNT, type="kv", options={"version": "2"}, opts=inside)
        logins = [
            vault.generic.Secret(
                f"{MOUNT}-{login}".replace("/", "-"),
                path=f"{MOUNT}/{login}",
                data_json=secret.to_json(),
                opts=args.server.options(self, [mount]),
            )
            for login, secret in args.logins.items()
        ]
        backend = vault.AuthBackend("approle", type="approle", opts=inside)
        self.roles = {
            consumer: _app_role(consumer, policy, backend, inside, logins)
            for consumer, policy in args.consumers.items()
        }
        self.register_outputs({"mount": mount.path})


def _app_role(
    name: str,
    policy_name: str,
    backend: vault.AuthBackend,
    inside: pulumi.ResourceOptions,
    logins: list[vault.generic.Secret],
) -> AppRole:
    policy = vault.Policy(
        policy_name, name=policy_name, policy=(POLICIES / f"{policy_name}.hcl").read_text(), opts=inside
    )
    role = vault.approle.AuthBackendRole(
        name,
        backend=backend.path,
        role_name=name,
        token_policies=[policy.name],
        token_ttl=3600,
        token_max_ttl=86400,
        opts=inside,
    )
    secret_id = vault.approle.AuthBackendRoleSecretId(name, backend=backend.path, role_name=role.role_name, opts=inside)
    return AppRole(role.role_id, pulumi.Output.secret(secret_id.secret_id), [*logins, policy, secret_id])
