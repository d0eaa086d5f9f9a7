"""How resources inside a server (topics, roles, secrets, connectors) relate to that server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Server:
    """A server as seen by what is configured inside of it."""

    gate: pulumi.Resource
    """Succeeds when the server answers; everything configured inside waits for it."""
    container: pulumi.Resource | None
    """The container, if it is ours: what is inside vanishes with it. None for an external server."""
    provider: pulumi.ProviderResource | None = None
    """The explicit provider that talks to this server; None for dynamic resources."""

    def options(
        self, parent: pulumi.Resource | None = None, depends_on: Sequence[pulumi.Resource] = ()
    ) -> pulumi.ResourceOptions:
        """Options of a resource that lives inside this server."""
        return pulumi.ResourceOptions(
            parent=parent,
            provider=self.provider,
            depends_on=[self.gate, *depends_on],
            deleted_with=self.container,
        )
