"""Initialise and unseal a Vault server of our own, and give Pulumi a token of its own there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.tls.provider import TrustingProvider
from components.vault.client import VaultClient, VaultError
from components.vault.provider import VaultProvider

UNSEAL_SHARES = 1
"""One key is enough where it lies in the stack's state anyway; production uses an external, auto-unsealed Vault."""
ADMIN_POLICY = "root"


class VaultInitProvider(TrustingProvider):
    """Create initialises and unseals; update unseals a server that was restarted."""

    def _client(self, props: dict[str, Any]) -> VaultClient:
        return VaultClient(props["address"], trusted=self._trusted)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Initialise. The keys exist only in this answer, so nothing after it may fail the call."""
        address = props["address"]
        with self._client(props) as client:
            if client.is_initialized():
                raise VaultError(
                    f"Vault at {address} is initialised already, but its unseal key is not in this stack's state."
                    " If its data is a leftover of a deleted stack, remove the container and its volume"
                    " (docker rm -f <prefix>-vault; docker volume rm <prefix>-vault-data) and run again."
                ) from None
            root_token, unseal_keys = client.initialize(UNSEAL_SHARES, UNSEAL_SHARES)
            try:
                client.unseal(unseal_keys)
                sealed = False
            except VaultError:
                sealed = True  # the next refresh sees it, the next update unseals
        secret = {"root_token": root_token, "unseal_keys": unseal_keys}
        return CreateResult(id_=address, outs={**props, **secret, **self._trust(), "sealed": sealed})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A sealed server needs an update, as does a new container; another address is another server."""
        replaces = ["address"] if _olds["address"] != _news["address"] else []
        restarted = _olds.get("container_id") != _news.get("container_id")
        return DiffResult(changes=bool(replaces) or restarted or bool(_olds.get("sealed")), replaces=replaces)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """An uninitialised server is gone (its volume was deleted); a sealed one is drift."""
        with self._client(props) as client:
            if not client.is_initialized():
                return ReadResult(None, {})
            return ReadResult(id_, {**props, "sealed": client.is_sealed()})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Unseal."""
        with self._client(_olds) as client:
            if client.is_sealed():
                client.unseal(_olds["unseal_keys"])
        return UpdateResult(outs={**_olds, **_news, **self._trust(), "sealed": False})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Nothing to do: the data goes with the volume."""

    def _trust(self) -> dict[str, str]:
        """For who unseals with what is in the state, also where the stack has no outputs yet."""
        return {"trusted": self._trusted} if self._trusted else {}


@dataclass(frozen=True)
class VaultInitArgs:
    """The server to initialise."""

    address: str
    """URL as seen from where Pulumi runs."""
    container_id: pulumi.Input[str]
    """A new container starts sealed."""


class VaultInit(Resource, module="vault", name="Init"):
    """An initialised, unsealed server. `root_token` and `unseal_keys` are secret outputs, encrypted in the state."""

    address: pulumi.Output[str]
    root_token: pulumi.Output[str]
    unseal_keys: pulumi.Output[list[str]]
    sealed: pulumi.Output[bool]

    def __init__(self, name: str, args: VaultInitArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            VaultInitProvider(),
            name,
            {
                "address": args.address,
                "container_id": args.container_id,
                "root_token": None,
                "unseal_keys": None,
                "sealed": None,
            },
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=["root_token", "unseal_keys"])
            ),
        )


class AdminTokenProvider(VaultProvider):
    """Creates the token that config key `vaultToken` holds, then revokes the root token."""

    def _client(self, props: dict[str, Any]) -> VaultClient:
        return VaultClient(props["address"], trusted=self._trusted)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Idempotent: a crash between the two steps is picked up by the next call."""
        with self._client(props) as client:
            if not client.token_is_valid(self._token):
                if not client.token_is_valid(props["root_token"]):
                    raise VaultError(
                        f"Vault at {props['address']} knows neither the token of config key vaultToken nor the"
                        " root token: was vaultToken changed? Set it back, or remove the container and its volume."
                    ) from None
                client.create_orphan_token(props["root_token"], self._token, ADMIN_POLICY)
            if client.token_is_valid(props["root_token"]):
                client.revoke(props["root_token"])
        return CreateResult(id_=f"{props['address']}#admin", outs={"address": props["address"]})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Only another server needs another token."""
        changed = _olds["address"] != _news["address"]
        return DiffResult(changes=changed, replaces=["address"] if changed else [])

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """A token that is not valid any more is gone."""
        with self._client(props) as client:
            if not client.is_sealed() and not client.token_is_valid(self._token):
                return ReadResult(None, {})
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Nothing to do: the token goes with the server's data."""


@dataclass(frozen=True)
class AdminTokenArgs:
    """Where the token is created, and what may create it."""

    address: pulumi.Input[str]
    root_token: pulumi.Input[str]


class AdminToken(Resource, module="vault", name="AdminToken"):
    """Pulumi's own token at a freshly initialised server; the root token is revoked."""

    address: pulumi.Output[str]

    def __init__(self, name: str, args: AdminTokenArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            AdminTokenProvider(),
            name,
            {"address": args.address, "root_token": pulumi.Output.secret(args.root_token)},
            opts,
        )
