"""One question to an endpoint: would you serve the provider that is going to configure you, right now?

A published port is open as soon as Docker's proxy listens, long before the service behind it does, so each
probe but `tcp` speaks enough of the protocol to be answered by the service itself. No probe logs in.
"""

import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx

from components.tls.trust import client_context

KINDS: Final = ("tcp", "http", "postgres", "cql", "cql-tls", "kafka", "kafka-tls")
_TLS: Final = "-tls"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CANNOT_CONNECT_NOW: Final = b"57P03"  # PostgreSQL: the database system is starting up or shutting down


class NotReady(Exception):  # noqa: N818 - an answer to a question, not a fault
    """The endpoint does not serve yet; the message is what it said."""


def probe(kind: str, address: str, expected_statuses: Sequence[int], timeout_seconds: float, trusted: str = "") -> None:
    """Ask once. `trusted` are authorities (PEM) by which servers are verified, beyond the system's own.

    Raises:
        NotReady: the endpoint refused, did not answer in time or answered that it is not ready.
    """
    try:
        if kind == "http":
            _http(address, expected_statuses, timeout_seconds, client_context(trusted))
        else:
            host, port = split_address(address)
            with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
                if kind.endswith(_TLS):
                    with client_context(trusted).wrap_socket(connection, server_hostname=host) as encrypted:
                        _SOCKET_PROBES[kind.removesuffix(_TLS)](encrypted)
                else:
                    _SOCKET_PROBES[kind](connection)
    except (OSError, httpx.HTTPError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error


def split_address(address: str) -> tuple[str, int]:
    """`host:port` or `[ipv6]:port` -> (host, port).

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(f"//{address}")
    if not parts.hostname or parts.port is None or parts.path or parts.username is not None:
        raise ValueError(f"{address!r} is not host:port")
    return parts.hostname, parts.port


def honours_proxies(url: str) -> bool:
    """Whether an HTTP client should read proxy settings from the environment: not for the machine itself."""
    return urlsplit(url).hostname not in _LOOPBACK


def _http(url: str, expected_statuses: Sequence[int], timeout_seconds: float, verify: ssl.SSLContext) -> None:
    response = httpx.get(url, timeout=timeout_seconds, trust_env=honours_proxies(url), verify=verify)
    if response.status_code not in expected_statuses:
        wanted = " or ".join(str(status) for status in expected_statuses)
        raise NotReady(f"HTTP status {response.status_code} instead of {wanted}")


def _tcp(connection: socket.socket) -> None:
    """Connected is all there is to ask."""


def _postgres(connection: socket.socket) -> None:
    """As pg_isready: the answer to a startup message is a request for a password, or 57P03 while starting."""
    connection.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
    if _receive(connection, 1) == b"S":
        return  # what follows is TLS, which the client proper will speak
    parameters = b"user\0gate\0database\0postgres\0\0"
    connection.sendall(struct.pack("!ii", 8 + len(parameters), 196608) + parameters)  # protocol 3.0
    kind, length = struct.unpack("!ci", _receive(connection, 5))
    if kind == b"E" and _CANNOT_CONNECT_NOW in _receive(connection, length - 4):
        raise NotReady("PostgreSQL is starting up or shutting down")
    if kind not in b"RE":
        raise NotReady(f"not a PostgreSQL server: it answered {kind!r}")


def _cql(connection: socket.socket) -> None:
    connection.sendall(struct.pack("!BBhBi", 4, 0, 0, 5, 0))  # version 4, OPTIONS
    opcode = _receive(connection, 9)[4]
    if opcode != 6:  # SUPPORTED
        raise NotReady(f"no CQL server that is ready: it answered OPTIONS with opcode {opcode}")


def _kafka(connection: socket.socket) -> None:
    client = b"gate"
    request = struct.pack("!hhih", 18, 0, 1, len(client)) + client  # ApiVersions version 0, correlation 1
    connection.sendall(struct.pack("!i", len(request)) + request)
    _, correlation, error = struct.unpack("!iih", _receive(connection, 10))
    if correlation != 1 or error != 0:
        raise NotReady(f"no Kafka broker that is ready: it answered ApiVersions with error {error}")


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise NotReady("the connection was closed before an answer came")
        received += chunk
    return received


_SOCKET_PROBES: Final[dict[str, Callable[[socket.socket], None]]] = {
    "tcp": _tcp,
    "postgres": _postgres,
    "cql": _cql,
    "kafka": _kafka,
}
