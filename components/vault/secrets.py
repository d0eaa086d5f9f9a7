"""The logins of a stack in Vault: the pipeline's, which it changes, with an AppRole for each consumer; and those of the
administrators, which it keeps for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_vault as vault

from components.configured import Server
from components.vault.database import (
    MOUNT,
    ROTATE_IN_SCYLLA,
    DatabaseAccess,
    PostgresAccessArgs,
    ScyllaAccessArgs,
)
from components.vault.secret_id import WrappedSecretId, WrappedSecretIdArgs

KEPT_MOUNT: Final = "cdc"
"""KV v2."""
OPERATOR_POLICY: Final = "cdc-operator"
"""For people: whoever runs the Vault gives it to them."""
POLICIES = Path(__file__).parent / "policies"
SQL = Path(__file__).parent / "sql"
LEASE_SECONDS: Final = 3600
"""How long a login made for a consumer is valid; its agent renews it."""
MAX_LEASE_SECONDS: Final = 24 * 3600
"""After that the consumer gets another login."""
TOKEN_SECONDS: Final = 3600
MAX_TOKEN_SECONDS: Final = 24 * 3600


def static_login(role: str) -> str:
    """Path of the login of a role whose password Vault changes."""
    return f"{MOUNT}/static-creds/{role}"


def made_login(role: str) -> str:
    """Path at which Vault makes a login that is a member of a role."""
    return f"{MOUNT}/creds/{role}"


@dataclass(frozen=True)
class KeptLogin:
    """A login that nobody changes but a person."""

    username: pulumi.Input[str]
    password: pulumi.Input[str]

    def to_json(self) -> pulumi.Output[str]:
        """The login as Vault stores it."""
        return pulumi.Output.secret(pulumi.Output.all(username=self.username, password=self.password).apply(json.dumps))


@dataclass(frozen=True)
class PipelineSecretsArgs:
    """The databases, and who reads their logins."""

    server: Server
    postgres: PostgresAccessArgs
    scylla: ScyllaAccessArgs
    group_role: str
    """Role of PostgreSQL that the logins made on demand are members of."""
    rotation_seconds: int
    """After this time a password is changed."""
    consumers: Mapping[str, str]
    """AppRole by name, with its policy: a file `policies/<policy>.hcl`."""
    administrators: Mapping[str, KeptLogin]
    """By name of the database."""
    one_reader: bool
    """Each consumer has one agent, so that its secret id can be delivered once."""
    roles_exist: Sequence[pulumi.Resource]
    """The roles in both databases."""


@dataclass(frozen=True)
class AppRole:
    """What an agent logs in with."""

    role_id: pulumi.Output[str]
    secret_id: pulumi.Output[str]
    """Wrapped, if `wrapped`."""
    wrapped: bool
    generation: pulumi.Output[str]
    """Changes when the logins were set anew, outside of their rotation."""
    ready: list[pulumi.Resource]
    """What the agent has to wait for."""


class PipelineSecrets(pulumi.ComponentResource):
    """Database secrets engine with its roles, and an AppRole with its policy for each consumer."""

    roles: dict[str, AppRole]

    def __init__(self, name: str, args: PipelineSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:vault:PipelineSecrets", name, {}, opts)
        self._args = args
        inside = args.server.options(self)
        mount = vault.Mount(MOUNT, path=MOUNT, type="database", opts=inside)
        after = args.server.options(self, [mount, *args.roles_exist])
        access = [DatabaseAccess(each.name, each, after) for each in (args.postgres, args.scylla)]
        logins = [
            *self._static_roles(args.postgres, access[0], None),
            *self._static_roles(args.scylla, access[1], [ROTATE_IN_SCYLLA]),
            self._made_logins(access[0]),
        ]
        backend = vault.AuthBackend("approle", type="approle", opts=inside)
        generation = pulumi.Output.concat(access[0].generation, "-", access[1].generation)
        self.roles = {
            consumer: self._app_role(consumer, policy, backend, generation, logins)
            for consumer, policy in args.consumers.items()
        }
        self._keep_administrators()
        self.register_outputs({"mount": mount.path})

    def _static_roles(
        self, database: PostgresAccessArgs | ScyllaAccessArgs, access: DatabaseAccess, statements: list[str] | None
    ) -> list[pulumi.Resource]:
        return [
            vault.database.SecretBackendStaticRole(
                role,
                backend=MOUNT,
                name=role,
                db_name=database.name,
                username=role,
                rotation_period=self._args.rotation_seconds,
                rotation_statements=statements,
                opts=self._args.server.options(self, [access]),
            )
            for role in database.static_roles
        ]

    def _made_logins(self, access: DatabaseAccess) -> pulumi.Resource:
        role = self._args.group_role
        return vault.database.SecretBackendRole(
            role,
            backend=MOUNT,
            name=role,
            db_name=self._args.postgres.name,
            creation_statements=[_sql("create_login").replace("GROUP_ROLE", role)],
            revocation_statements=[_sql("drop_login")],
            default_ttl=LEASE_SECONDS,
            max_ttl=MAX_LEASE_SECONDS,
            opts=self._args.server.options(self, [access]),
        )

    def _keep_administrators(self) -> None:
        inside = self._args.server.options(self)
        mount = vault.Mount(KEPT_MOUNT, path=KEPT_MOUNT, type="kv", options={"version": "2"}, opts=inside)
        for name, login in self._args.administrators.items():
            vault.generic.Secret(
                f"{KEPT_MOUNT}-{name}",
                path=f"{KEPT_MOUNT}/{name}",
                data_json=login.to_json(),
                opts=self._args.server.options(self, [mount]),
            )
        self._policy(OPERATOR_POLICY)

    def _policy(self, name: str) -> vault.Policy:
        text = (POLICIES / f"{name}.hcl").read_text()
        return vault.Policy(name, name=name, policy=text, opts=self._args.server.options(self))

    def _app_role(
        self,
        name: str,
        policy_name: str,
        backend: vault.AuthBackend,
        generation: pulumi.Output[str],
        logins: list[pulumi.Resource],
    ) -> AppRole:
        inside = self._args.server.options(self)
        policy = self._policy(policy_name)
        role = vault.approle.AuthBackendRole(
            name,
            backend=backend.path,
            role_name=name,
            token_policies=[policy.name],
            token_ttl=TOKEN_SECONDS,
            token_max_ttl=MAX_TOKEN_SECONDS,
            opts=inside,
        )
        secret_id, delivered = self._secret_id(name, role)
        ready = [*logins, policy, delivered]
        return AppRole(role.role_id, pulumi.Output.secret(secret_id), self._args.one_reader, generation, ready)

    def _secret_id(self, name: str, role: vault.approle.AuthBackendRole) -> tuple[pulumi.Output[str], pulumi.Resource]:
        inside = self._args.server.options(self)
        if self._args.one_reader:
            args = WrappedSecretIdArgs(self._args.postgres.vault_address, role.role_name)
            wrapped = WrappedSecretId(name, args, inside)
            return wrapped.wrapping_token, wrapped
        plain = vault.approle.AuthBackendRoleSecretId(name, backend=role.backend, role_name=role.role_name, opts=inside)
        return plain.secret_id, plain


def _sql(name: str) -> str:
    """A statement of Vault's, without its comments."""
    lines = (SQL / f"{name}.sql").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))
