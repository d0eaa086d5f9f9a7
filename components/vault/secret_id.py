"""A secret id that is delivered once: state and container hold a wrapping token, which is spent at first use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx
import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource

from components.provider_errors import short_errors
from components.scylla.provider import inputs_only
from components.vault.client import VaultClient, VaultError
from components.vault.provider import Properties, VaultProvider

WRAPPED_SECONDS: Final = 24 * 3600
"""How long the secret id can be fetched."""


class WrappedSecretIdProvider(VaultProvider):
    """Makes a secret id, keeps its accessor, and hands it over wrapped."""

    replace_on = frozenset({"vault_address", "role"})

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Make a secret id. It passes through this process and is kept nowhere."""
        with self._client(props) as client:
            made = client.write(f"auth/approle/role/{props['role']}/secret-id", self._token)
            wrapped = client.wrap({"secret_id": made["secret_id"]}, self._token, WRAPPED_SECONDS)
        accessor = made["secret_id_accessor"]
        return CreateResult(accessor, inputs_only(props) | {"accessor": accessor, "wrapping_token": wrapped})

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """A secret id that was destroyed leaves the state, so that `up` delivers another one."""
        with self._client(props) as client:
            if not client.is_sealed() and not self._exists(client, props["role"], id_):
                return ReadResult(None, {})
        return ReadResult(id_, inputs_only(props))

    @short_errors
    def delete(self, _id: str, _props: Properties) -> None:
        """Destroy the secret id: nobody can log in with it any more."""
        with self._client(_props) as client:
            if self._exists(client, _props["role"], _id):
                path = f"auth/approle/role/{_props['role']}/secret-id-accessor/destroy"
                client.write(path, self._token, {"secret_id_accessor": _id})

    def _exists(self, client: VaultClient, role: str, accessor: str) -> bool:
        path = f"auth/approle/role/{role}/secret-id-accessor/lookup"
        try:
            return bool(client.write(path, self._token, {"secret_id_accessor": accessor}))
        except VaultError as error:
            # Vault answers 500 for an accessor that it does not know, some versions 404.
            if error.status == httpx.codes.NOT_FOUND or "accessor" in str(error):
                return False
            raise


@dataclass(frozen=True)
class WrappedSecretIdArgs:
    """Whose secret id."""

    vault_address: str
    """URL as seen from where Pulumi runs."""
    role: pulumi.Input[str]
    """AppRole."""


class WrappedSecretId(Resource, module="vault", name="WrappedSecretId"):
    """A secret id. Deleting the resource destroys it."""

    accessor: pulumi.Output[str]
    """Names the secret id; opens nothing."""
    wrapping_token: pulumi.Output[str]
    """Fetches the secret id, once."""

    def __init__(self, name: str, args: WrappedSecretIdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            WrappedSecretIdProvider(),
            name,
            dict(vars(args)) | {"accessor": None, "wrapping_token": None},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["wrapping_token"])),
        )
