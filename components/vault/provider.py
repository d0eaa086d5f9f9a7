"""What the dynamic resources inside Vault share: their token comes from the stack's configuration."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from pulumi.dynamic import ConfigureRequest, DiffResult

from components.scylla.provider import diff_inputs
from components.tls.provider import TrustingProvider
from components.vault.client import VaultClient

TOKEN_KEY: Final = "vaultToken"  # noqa: S105 the name of a key, not a token

Properties = dict[str, Any]


class VaultProvider(TrustingProvider):
    """Base of the stateless providers."""

    replace_on: ClassVar[frozenset[str]] = frozenset({"vault_address"})
    """Inputs whose change makes another object."""

    _token: str = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take Vault's token and the trusted authorities from the stack's configuration."""
        super().configure(req)
        self._token = req.config.require(TOKEN_KEY)

    def _client(self, props: Properties) -> VaultClient:
        return VaultClient(props["vault_address"], trusted=self._trusted)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare the inputs; no network."""
        return diff_inputs(_olds, _news, self.replace_on)
