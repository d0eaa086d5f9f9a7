"""The providers as the plug-in process imports them, in front of a ScyllaDB that lives in that process."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from components.scylla.keyspace import KeyspaceProvider
from components.scylla.preflight import PreflightProvider
from components.scylla.provider import ScyllaProvider
from components.scylla.role import RoleProvider
from components.scylla.session import CqlSession, Credentials, ScyllaError
from components.scylla.table import TableProvider
from tests.unit.components.scylla_fakes import FakeScylla, users_table

SERVER = FakeScylla(tables={"shop.users": users_table()})


class WithFake(ScyllaProvider):
    """Connects to the fake."""

    @staticmethod
    @contextmanager
    def connect(contact_points: Sequence[str], credentials: Credentials) -> Iterator[CqlSession]:
        """Open a session on the fake; it refuses wrong passwords as a server does."""
        with SERVER.connect(contact_points, credentials) as session:
            yield session


class FakeTableProvider(WithFake, TableProvider):
    """Table on the fake."""


class FakeKeyspaceProvider(WithFake, KeyspaceProvider):
    """Keyspace on the fake."""


class FakePreflightProvider(WithFake, PreflightProvider):
    """Preflight on the fake."""


class FakeRoleProvider(WithFake, RoleProvider):
    """Role on the fake."""


class RefusingRoleProvider(RoleProvider):
    """A role on a server that refuses every statement."""

    @staticmethod
    def connect(contact_points: Sequence[str], credentials: Credentials) -> AbstractContextManager[CqlSession]:
        """Open a session, in vain."""
        raise ScyllaError(f"{credentials.username} at {contact_points[0]} may not do this")
