"""Vault's access to the two databases: a role of its own in each, whose password only Vault knows.

The database's administrator sets a password that exists for a moment only, Vault logs in with it and changes it at
once. Nothing of that is in the state.
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import psycopg
import pulumi
from psycopg import sql
from pulumi.dynamic import ConfigureRequest, CreateResult, ReadResult, Resource, UpdateResult

from components.clock import Clock, SystemClock
from components.postgres.target_table import ADMIN_PASSWORD_KEY, ADMIN_USER_KEY, DEFAULT_ADMIN_USER
from components.provider_errors import ProviderError, redact, short_errors
from components.scylla import provider as scylla
from components.scylla.session import (
    CqlSession,
    Credentials,
    ScyllaError,
    open_session,
    quote_name,
    quote_text,
    split_contact_points,
)
from components.tls.trust import ca_path
from components.vault.client import VaultClient, VaultError
from components.vault.provider import Properties, VaultProvider
from reconcile.tls import server_name

MOUNT: Final = "cdc-database"
ADMIN: Final = "vault_admin"
"""Vault's role in both databases: it may give other roles a password, and read no row."""
CONNECT_TIMEOUT_SECONDS: Final = 15
ACCEPTED_SECONDS: Final = 30.0
"""How long a database may go on refusing a new password: nodes keep credentials in a cache, and Cassandra takes another
password for a role after five seconds only."""
RETRY_SECONDS: Final = 0.5


class DatabaseAccessError(ProviderError):
    """Vault cannot be given access to a database."""


class DatabaseAccessProvider(VaultProvider):
    """Gives Vault access, and again when the database has lost Vault's role."""

    replace_on = frozenset({"vault_address", "name"})
    clock: ClassVar[Clock] = SystemClock()

    @abstractmethod
    def has_admin(self, props: Properties) -> bool:
        """Whether Vault's role exists in the database."""

    @abstractmethod
    def set_admin(self, props: Properties, password: str) -> None:
        """Make Vault's role, with this password and with what it needs."""

    @abstractmethod
    def connection(self, props: Properties) -> dict[str, Any]:
        """The database as Vault's plug-in is told of it."""

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Give access."""
        return CreateResult(f"{MOUNT}/{props['name']}", self._apply(props))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Give access anew."""
        return UpdateResult(self._apply(_news))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Access that one side has lost leaves the state, so that `up` gives it anew."""
        with self._client(props) as client:
            known = client.is_sealed() or client.read(f"{MOUNT}/config/{props['name']}", self._token) is not None
        if known and self.has_admin(props):
            return ReadResult(id_, scylla.inputs_only(props))
        return ReadResult(None, {})

    @short_errors
    def delete(self, _id: str, _props: Properties) -> None:
        """Vault forgets the database; its role there stays, with a password that nobody knows any more."""
        with self._client(_props) as client:
            client.delete(f"{MOUNT}/config/{_props['name']}", self._token)

    def _apply(self, props: Properties) -> Properties:
        name, password = props["name"], secrets.token_urlsafe(24)
        self.set_admin(props, password)
        with self._client(props) as client:
            login = {"username": ADMIN, "password": password}
            config = self.connection(props) | {"allowed_roles": list(props["managed_roles"]), "verify_connection": True}
            client.write(f"{MOUNT}/config/{name}", self._token, config | login)
            self._until_accepted(lambda: client.write(f"{MOUNT}/rotate-root/{name}", self._token))
            # Verifies again, with the new password.
            self._until_accepted(lambda: client.write(f"{MOUNT}/config/{name}", self._token, config))
            self._renew(client, props["static_roles"])
        return scylla.inputs_only(props) | {"generation": secrets.token_hex(4)}

    def _renew(self, client: VaultClient, roles: Sequence[str]) -> None:
        """A database that was made anew does not have the passwords that Vault has set in the former one."""
        for role in roles:
            if client.read(f"{MOUNT}/static-roles/{role}", self._token) is not None:
                client.write(f"{MOUNT}/rotate-role/{role}", self._token)

    def _until_accepted(self, login: Any) -> None:
        give_up_at = self.clock.now() + ACCEPTED_SECONDS
        while True:
            try:
                login()
            except (VaultError, ScyllaError):
                if self.clock.now() >= give_up_at:
                    raise
                self.clock.sleep(RETRY_SECONDS)
            else:
                return


class PostgresAccessProvider(DatabaseAccessProvider):
    """Access to PostgreSQL."""

    _user: str = DEFAULT_ADMIN_USER
    _password: str = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the administrator's login as well."""
        super().configure(req)
        self._user = req.config.get(ADMIN_USER_KEY) or DEFAULT_ADMIN_USER
        self._password = req.config.require(ADMIN_PASSWORD_KEY)

    def has_admin(self, props: Properties) -> bool:
        """Look into pg_roles."""
        with self._connect(props) as connection:
            return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ADMIN,)).fetchone() is not None

    def set_admin(self, props: Properties, password: str) -> None:
        """CREATEROLE is what setting passwords takes; newer servers want admin rights on each role in addition."""
        admin = sql.Identifier(ADMIN)
        with self._connect(props) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ADMIN,)).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {}").format(admin))
            # The server never sees the password itself, so it cannot log it.
            verifier = connection.pgconn.encrypt_password(password.encode(), ADMIN.encode(), b"scram-sha-256").decode()
            options = sql.SQL("LOGIN CREATEROLE NOINHERIT PASSWORD {}").format(sql.Literal(verifier))
            connection.execute(sql.SQL("ALTER ROLE {} WITH {}").format(admin, options))
            for role in props["managed_roles"]:
                connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(role), admin))

    def connection(self, props: Properties) -> dict[str, Any]:
        """PostgreSQL as Vault reaches it."""
        where = f"{props['vault_host']}:{int(props['vault_port'])}/{props['database']}?sslmode={props['sslmode']}"
        if authorities := props.get("vault_sslrootcert"):
            where += f"&sslrootcert={authorities}"
        return {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{where}",
            "password_authentication": "scram-sha-256",
        }

    def _connect(self, props: Properties) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        try:
            return psycopg.connect(
                host=props["host"],
                port=int(props["port"]),  # the plug-in's protocol has floats only
                dbname=props["database"],
                user=self._user,
                password=self._password,
                sslmode=props["sslmode"],
                sslrootcert=ca_path(self._trusted),
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="pulumi vault access",
            )
        except psycopg.Error as error:
            where = f"{props['host']}:{int(props['port'])}/{props['database']}"
            raise DatabaseAccessError(f"no connection to PostgreSQL at {where}: {redact(str(error))}") from None


class ScyllaAccessProvider(DatabaseAccessProvider):
    """Access to ScyllaDB, through Vault's plug-in for Cassandra."""

    _admin: Credentials = Credentials(scylla.DEFAULT_ADMIN_USER, "")
    _tls: bool = False

    def connect(self, contact_points: Sequence[str], credentials: Credentials) -> AbstractContextManager[CqlSession]:
        """Open a session; tests put a fake here."""
        return open_session(contact_points, credentials, self._trusted if self._tls else None)

    def configure(self, req: ConfigureRequest) -> None:
        """Take the administrator's login as well."""
        super().configure(req)
        user = req.config.get(scylla.ADMIN_USER_KEY) or scylla.DEFAULT_ADMIN_USER
        self._admin = Credentials(user, req.config.require(scylla.ADMIN_PASSWORD_KEY))
        self._tls = scylla.speaks_tls(req.config.get)

    def has_admin(self, props: Properties) -> bool:
        """Ask for the roles."""
        with self._session(props) as session:
            return any(row["role"] == ADMIN for row in session.execute("LIST ROLES"))

    def set_admin(self, props: Properties, password: str) -> None:
        """ALTER on a role is what setting its password takes."""
        admin = quote_name(ADMIN)
        options = f"PASSWORD = {quote_text(password)} AND LOGIN = true AND SUPERUSER = false"
        with self._session(props) as session:
            verb = "ALTER" if any(row["role"] == ADMIN for row in session.execute("LIST ROLES")) else "CREATE"
            self._until_accepted(lambda: session.execute(f"{verb} ROLE {admin} WITH {options}", secret=password))
            for role in props["managed_roles"]:
                session.execute(f"GRANT ALTER ON ROLE {quote_name(role)} TO {admin}")
        self._until_accepted(lambda: self._try_login(props, password))

    def connection(self, props: Properties) -> dict[str, Any]:
        """ScyllaDB as Vault reaches it."""
        hosts, port = split_contact_points(props["vault_contact_points"])
        return {
            "plugin_name": "cassandra-database-plugin",
            "hosts": ",".join(hosts),
            "port": port,
            "protocol_version": 4,
            "connect_timeout": f"{CONNECT_TIMEOUT_SECONDS}s",
            # It would look for the right to create roles, which this role neither has nor needs.
            "skip_verification": True,
            "root_rotation_statements": [ROTATE_IN_SCYLLA],
            # Vault keeps what it is not told anew. The plug-in verifies names as the driver does, see `cql_options`.
            "pem_bundle": props.get("vault_pem_bundle") or "",
            "tls_server_name": (server_name(hosts) or "") if props.get("vault_pem_bundle") else "",
        }

    def _session(self, props: Properties) -> AbstractContextManager[CqlSession]:
        return self.connect(props["contact_points"], self._admin)

    def _try_login(self, props: Properties, password: str) -> None:
        with self.connect(props["contact_points"], Credentials(ADMIN, password)):
            pass


ROTATE_IN_SCYLLA: Final = "ALTER ROLE '{{username}}' WITH PASSWORD = '{{password}}'"
"""The plug-in's own statement is Cassandra's older ALTER USER."""


@dataclass(frozen=True)
class PostgresAccessArgs:
    """PostgreSQL as Pulumi reaches it and as Vault does."""

    name: str
    vault_address: str
    """URL of Vault as seen from where Pulumi runs."""
    host: str
    port: int
    vault_host: str
    vault_port: int
    database: str
    sslmode: str
    managed_roles: Sequence[str]
    """Roles whose passwords Vault sets, or of which it makes members; Vault's own roles have the same names."""
    static_roles: Sequence[str]
    """Those of them whose passwords it changes from time to time."""
    vault_sslrootcert: str | None = None
    """Path inside of Vault's container of the authorities that it trusts; None: the system's."""


@dataclass(frozen=True)
class ScyllaAccessArgs:
    """ScyllaDB as Pulumi reaches it and as Vault does."""

    name: str
    vault_address: str
    """URL of Vault as seen from where Pulumi runs."""
    contact_points: Sequence[str]
    vault_contact_points: Sequence[str]
    managed_roles: Sequence[str]
    static_roles: Sequence[str]
    vault_pem_bundle: str | None = None
    """Authorities by which Vault verifies the nodes; None: it speaks no TLS."""


class DatabaseAccess(Resource, module="vault", name="DatabaseAccess"):
    """Vault's access to one database."""

    generation: pulumi.Output[str]
    """Changes when access was given anew."""

    def __init__(
        self,
        name: str,
        args: PostgresAccessArgs | ScyllaAccessArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        provider = PostgresAccessProvider() if isinstance(args, PostgresAccessArgs) else ScyllaAccessProvider()
        super().__init__(provider, name, dict(vars(args)) | {"generation": None}, opts)
