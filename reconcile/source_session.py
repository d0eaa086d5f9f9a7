"""Connections to ScyllaDB. Only what cassandra-driver and its fork scylla-driver have in common is used."""

from __future__ import annotations

from typing import Final

from cassandra import AuthenticationFailed, ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy

from reconcile.credentials import read_credentials
from reconcile.errors import ConfigError, UnreachableError
from reconcile.model import SourceSettings
from reconcile.source_protocol import RawProtocolHandler, raw_row_factory
from reconcile.tls import client_context, cql_options

CONNECT_TIMEOUT_SECONDS: Final = 10.0
PROTOCOL_VERSION: Final = 4
RAW_PROFILE: Final = "raw"


def connect(settings: SourceSettings) -> tuple[Cluster, Session]:
    """Return a cluster and its first session, which decodes as the driver does.

    Raises:
        ConfigError: the settings cannot be used.
        UnreachableError: no contact point answers, or the login is refused.
    """
    credentials = read_credentials(settings)
    where = ", ".join(settings.contact_points)
    points = [_split(point) for point in settings.contact_points]
    hosts = [host for host, _ in points]
    tls = cql_options(client_context(settings.ca_file, "scylla.ca_file"), hosts) if settings.ca_file else {}
    cluster = Cluster(
        contact_points=points,
        port=points[0][1],
        auth_provider=credentials and PlainTextAuthProvider(credentials.username, credentials.password),
        execution_profiles={EXEC_PROFILE_DEFAULT: _profile(settings), RAW_PROFILE: _profile(settings, raw=True)},
        protocol_version=PROTOCOL_VERSION,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        **tls,
    )
    try:
        return cluster, cluster.connect()
    except Exception as error:  # noqa: BLE001 the driver's exceptions have no common base
        cluster.shutdown()
        causes = list(error.errors.values()) if isinstance(error, NoHostAvailable) else [error]
        if any(isinstance(cause, AuthenticationFailed) for cause in causes):
            user = credentials.username if credentials else "nobody: no login is set"
            raise UnreachableError(f"ScyllaDB at {where} refuses the login of {user}") from None
        reason = causes[0] if causes else error
        raise UnreachableError(f"ScyllaDB at {where} does not answer: {reason}") from None


def raw_session(cluster: Cluster) -> Session:
    """Return a session whose rows are tuples of raw cells (see `source_protocol`) with the profile RAW_PROFILE."""
    session = cluster.connect()
    session.client_protocol_handler = RawProtocolHandler
    return session


def server_is_scylla(session: Session) -> bool:
    """Look for system tables that only ScyllaDB has."""
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system'")
    return any(row.table_name.startswith("scylla_") for row in tables)


def _profile(settings: SourceSettings, *, raw: bool = False) -> ExecutionProfile:
    level = ConsistencyLevel.name_to_value.get(settings.consistency.upper())
    if level is None:
        raise ConfigError(
            f"consistency {settings.consistency} is none of {', '.join(sorted(ConsistencyLevel.name_to_value))}"
        )
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.datacenter or ""))
    factory = {"row_factory": raw_row_factory} if raw else {}
    return ExecutionProfile(
        load_balancing_policy=policy,
        consistency_level=level,
        request_timeout=settings.request_timeout_seconds,
        **factory,
    )


def _split(contact_point: str) -> tuple[str, int]:
    host, separator, port = contact_point.rpartition(":")
    if not separator or not host or not port.isdigit():
        raise ConfigError(f"contact point '{contact_point}' is not host:port")
    return host.strip("[]"), int(port)
