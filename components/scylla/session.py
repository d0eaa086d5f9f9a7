"""A CQL session for administration: schema, roles and reading the schema, never data.

Errors are short and never hold a password:

    ProviderError
    └── ScyllaError
        ├── ScyllaAuthenticationError   the server answers but refuses the credentials
        └── ScyllaUnreachableError      no contact point answers
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import dict_factory

from components.provider_errors import ProviderError, redact
from components.tls.trust import client_context
from reconcile.tls import cql_options

CONNECT_TIMEOUT_SECONDS: Final = 5.0
REQUEST_TIMEOUT_SECONDS: Final = 30.0
SCHEMA_AGREEMENT_TIMEOUT_SECONDS: Final = 30.0
PROTOCOL_VERSION: Final = 4

# Without a handler of its own the driver prints every refused connection in the middle of `pulumi up`.
logging.getLogger("cassandra").addHandler(logging.NullHandler())


class ScyllaError(ProviderError):
    """ScyllaDB refused a statement or could not be asked. The message is meant for a person."""


class ScyllaAuthenticationError(ScyllaError):
    """The server answers but refuses the user name or password."""


class ScyllaUnreachableError(ScyllaError):
    """No contact point answers CQL."""


@dataclass(frozen=True)
class Credentials:
    """A CQL login."""

    username: str
    password: str = field(repr=False)


class CqlSession(Protocol):
    """What the resources need of a session; tests pass a fake."""

    def execute(self, cql: str, parameters: Sequence[object] = (), *, secret: str = "") -> list[Mapping[str, Any]]:
        """Run one statement and return its rows. `secret` is removed from the text of an error."""
        ...

    def wait_for_schema_agreement(self) -> None:
        """Wait until all nodes have the same schema. Raises ScyllaError when they do not in time."""
        ...


@contextmanager
def open_session(
    contact_points: Sequence[str], credentials: Credentials, trusted: str | None = None
) -> Iterator[CqlSession]:
    """Open a session and close it at the end.

    Only the contact points are used: the addresses that nodes tell of themselves are often reachable inside
    their own network only. All contact points have the same port.

    Args:
        contact_points: `host:port` each.
        credentials: the login.
        trusted: authorities (PEM) by which servers are verified, besides the system's; None: no TLS.

    Raises:
        ScyllaAuthenticationError: the credentials are refused.
        ScyllaUnreachableError: nothing answers.
    """
    hosts, port = split_contact_points(contact_points)
    cluster = None
    try:
        try:
            profile = ExecutionProfile(
                load_balancing_policy=WhiteListRoundRobinPolicy(hosts),
                row_factory=dict_factory,
                request_timeout=REQUEST_TIMEOUT_SECONDS,
            )
            cluster = Cluster(
                contact_points=hosts,
                port=port,
                auth_provider=PlainTextAuthProvider(credentials.username, credentials.password),
                execution_profiles={EXEC_PROFILE_DEFAULT: profile},
                protocol_version=PROTOCOL_VERSION,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                max_schema_agreement_wait=SCHEMA_AGREEMENT_TIMEOUT_SECONDS,
                schema_metadata_enabled=False,
                token_metadata_enabled=False,
                **(cql_options(client_context(trusted), hosts) if trusted is not None else {}),
            )
            session = cluster.connect()
        except Exception as error:  # noqa: BLE001 the driver's exceptions have no common base
            raise _connect_error(error, contact_points, credentials.username) from None
        yield _DriverSession(cluster, session)
    finally:
        if cluster is not None:
            cluster.shutdown()


def split_contact_points(contact_points: Sequence[str]) -> tuple[list[str], int]:
    """Split `["a:9042", "b:9042"]` into hosts and their port. Raises ValueError."""
    hosts, ports = [], set()
    for contact_point in contact_points:
        host, separator, port = contact_point.rpartition(":")
        if not separator or not host or not port.isdigit():
            raise ValueError(f"contact point '{contact_point}' is not host:port")
        hosts.append(host.strip("[]"))
        ports.add(int(port))
    if len(ports) != 1:
        raise ValueError(f"contact points need one and the same port, got {sorted(ports) or 'none'}")
    return hosts, ports.pop()


def quote_name(name: str) -> str:
    """Quote an identifier for CQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Quote a text literal for CQL; schema and role statements take no bound values."""
    return "'" + text.replace("'", "''") + "'"


class _DriverSession:
    """A CqlSession over the driver's session."""

    def __init__(self, cluster: Any, session: Any) -> None:
        self._cluster = cluster
        self._session = session

    def execute(self, cql: str, parameters: Sequence[object] = (), *, secret: str = "") -> list[Mapping[str, Any]]:
        try:
            return list(self._session.execute(cql, parameters or None))
        except Exception as error:  # noqa: BLE001 the driver's exceptions have no common base
            message = _reason(error)
        if secret:
            # A syntax error quotes a part of the statement, which may cut the secret in two.
            message = message.partition(" at input ")[0]
        raise ScyllaError(f"{_first_line(_without_secret(cql, secret))}: {redact(_without_secret(message, secret))}")

    def wait_for_schema_agreement(self) -> None:
        if not self._cluster.control_connection.wait_for_schema_agreement():
            raise ScyllaError(
                f"the nodes do not agree on the schema after {SCHEMA_AGREEMENT_TIMEOUT_SECONDS:.0f} s; "
                "look for nodes that are down with `nodetool describecluster`, then run this again"
            )


def _connect_error(error: Exception, contact_points: Sequence[str], username: str) -> ScyllaError:
    where = ", ".join(contact_points)
    causes = list(error.errors.values()) if isinstance(error, NoHostAvailable) else [error]
    if any(isinstance(cause, AuthenticationFailed) for cause in causes):
        return ScyllaAuthenticationError(f"ScyllaDB at {where} refuses the login of {username}")
    reason = redact(_reason(causes[0])) if causes else "no host"
    return ScyllaUnreachableError(f"no CQL connection to ScyllaDB at {where}: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, NoHostAvailable) and error.errors:
        error = next(iter(error.errors.values()))
    return getattr(error, "message", None) or str(error) or type(error).__name__


def _first_line(cql: str) -> str:
    line = cql.strip().splitlines()[0]
    return line if len(line) <= 120 else line[:117] + "..."


def _without_secret(text: str, secret: str) -> str:
    if not secret:
        return text
    return text.replace(quote_text(secret), "'***'").replace(secret, "***")
