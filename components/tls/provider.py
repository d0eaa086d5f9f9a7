"""Base of the dynamic providers that talk to servers."""

from __future__ import annotations

from pulumi.dynamic import ConfigureRequest, ResourceProvider

from components.tls.trust import trusted_pem


class TrustingProvider(ResourceProvider):
    """Knows whom to trust, from the stack's configuration and not from a resource's inputs."""

    serialize_as_secret_always = False
    _trusted: str = ""
    """Authorities (PEM) by which servers are verified, besides the system's own."""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the trusted authorities from the stack's configuration."""
        self._trusted = trusted_pem(req.config.get)
