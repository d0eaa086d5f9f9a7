"""TLS of clients that verify a server: by the authorities of a file, and by the system's."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from typing import Any

from reconcile.errors import ConfigError


def client_context(ca_file: str | None, key: str) -> ssl.SSLContext:
    """Return a context that verifies certificate and name.

    Raises:
        ConfigError: the file cannot be read; names `key`, where it is configured.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"{key} {ca_file}: {error.strerror or error}") from None
    return context


def cql_options(context: ssl.SSLContext, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the driver's arguments for TLS.

    The driver resolves contact points and verifies each node's address. Where the only contact point is a name, as that
    of a container, whose address nobody knows before it runs, all nodes are verified by it.
    """
    name = server_name(hosts)
    return {"ssl_context": context} | ({"ssl_options": {"server_hostname": name}} if name else {})


def server_name(hosts: Sequence[str]) -> str | None:
    """Return the name by which all nodes are verified; None: each by its address."""
    if len(hosts) != 1:
        return None
    try:
        ipaddress.ip_address(hosts[0])
    except ValueError:
        return hosts[0]
    return None
