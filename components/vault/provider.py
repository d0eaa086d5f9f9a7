"""What the dynamic resources inside Vault share: their token comes from the stack's configuration."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pulumi.dynamic import ConfigureRequest, DiffResult, ResourceProvider

from components.scylla.provider import diff_inputs
from components.tls.trust import trusted_pem
from components.vault.client import VaultClient

TOKEN_KEY: Final = "vaultToken"  # noqa: S105 the name of a key, not a token

Properties = dict[str, Any]


class VaultProvider(ResourceProvider):
    """Base of the stateless providers."""

    serialize_as_secret_always = False

    replace_on: ClassVar[frozenset[str]] = frozenset({"vault_address"})
    """Inputs whose change makes another object."""

    _token: str = ""
    _vault_trusted: str = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take Vault's token and the trusted authorities from the stack's configuration."""
        self._token = req.config.require(TOKEN_KEY)
        self._vault_trusted = trusted_pem(req.config.get)

    def _client(self, props: Properties) -> VaultClient:
        return VaultClient(props["vault_address"], trusted=self._vault_trusted)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare the inputs; no network."""
        return diff_inputs(_olds, _news, self.replace_on)
