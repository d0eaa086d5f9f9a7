"""Connections to the databases of a stack that is up, as their administrators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg

from components.scylla.session import CqlSession, Credentials, open_session
from components.tls.trust import ca_path
from ops.outputs import StackOutputs
from reconcile.model import SourceSettings, TargetSettings


@contextmanager
def connected(outputs: StackOutputs) -> Iterator[tuple[CqlSession, psycopg.Connection[tuple[Any, ...]]]]:
    """Open source and target, the latter with autocommit."""
    with open_scylla(outputs) as session, open_postgres(outputs, connect_timeout=10, autocommit=True) as target:
        yield session, target


def open_scylla(outputs: StackOutputs) -> AbstractContextManager[CqlSession]:
    """Open a session. Raises ScyllaError."""
    login = Credentials(outputs.scylla.username, outputs.scylla.password)
    trusted = outputs.trusted if outputs.scylla_tls else None
    return open_session(outputs.endpoints["scylla"].split(","), login, trusted)


def open_postgres(outputs: StackOutputs, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection to the target database, with more options of libpq and psycopg. Raises psycopg.Error."""
    settings = target_settings(outputs)
    return psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        user=settings.username,
        password=settings.password,
        sslmode=settings.sslmode,
        sslrootcert=settings.sslrootcert,
        **options,
    )


def source_settings(outputs: StackOutputs) -> SourceSettings:
    """Return how the reconcile package reaches ScyllaDB."""
    login = outputs.scylla
    return SourceSettings(
        contact_points=tuple(outputs.endpoints["scylla"].split(",")),
        username=login.username,
        password=login.password,
        ca_file=ca_path(outputs.trusted) if outputs.scylla_tls else None,
    )


def target_settings(outputs: StackOutputs) -> TargetSettings:
    """Return how the reconcile package reaches PostgreSQL."""
    host, _, port = outputs.endpoints["postgres"].rpartition(":")
    login = outputs.postgres
    return TargetSettings(
        host=host,
        port=int(port),
        database=outputs.postgres_database,
        username=login.username,
        password=login.password,
        sslmode=outputs.postgres_sslmode,
        sslrootcert=ca_path(outputs.trusted),
    )
