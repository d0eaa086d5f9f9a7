"""The superuser's password as a resource: a fresh ScyllaDB lets everybody in as cassandra/cassandra."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.clock import Clock, SystemClock
from components.provider_errors import short_errors
from components.scylla.provider import (
    ADMIN_PASSWORD_KEY,
    Properties,
    ScyllaProvider,
    inputs_only,
)
from components.scylla.session import (
    Credentials,
    ScyllaAuthenticationError,
    ScyllaError,
    ScyllaUnreachableError,
    quote_name,
    quote_text,
)

DEFAULT_SUPERUSER: Final = Credentials("cassandra", "cassandra")
PREVIOUS_PASSWORD_KEY: Final = "scyllaAdminPreviousPassword"  # noqa: S105 the name of a key, not a password
RETRY_INTERVAL_SECONDS: Final = 1.0


@dataclass(frozen=True)
class SuperuserPasswordArgs:
    """Arguments of `SuperuserPassword`."""

    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    deadline_seconds: Input[int] = 120
    """How long to wait: a new server makes its default superuser some seconds after it opens its port."""
    triggers: Input[Sequence[Input[str]]] = ()
    """A change makes sure of the password again, such as the id of the server's data volume."""


class SuperuserPasswordProvider(ScyllaProvider):
    """Makes the server accept the configured administrator, and no longer the default password."""

    input_checks = MappingProxyType(
        {"deadline_seconds": lambda seconds: None if seconds > 0 else f"{seconds} is not above 0"}
    )
    clock: ClassVar[Clock] = SystemClock()

    _previous_password: str = ""

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Update when an input changed, or the configured password is not the one that was set; no network."""
        result = super().diff(_id, _olds, _news)
        digest = _olds.get("password_digest", "")
        password = self._admin.password if self._admin else ""
        result.changes = result.changes or password_digest(password, digest.partition("$")[0]) != digest
        return result

    def configure(self, req: ConfigureRequest) -> None:
        """Take the administrator's credentials, and the former password while it is being rotated."""
        super().configure(req)
        self._previous_password = req.config.get(PREVIOUS_PASSWORD_KEY) or ""

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Set the password unless it is accepted already."""
        return CreateResult(self.admin.username, self._apply(props))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Set the password unless it is accepted already."""
        return UpdateResult(self._apply(_news))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """A server that refuses the configured password leaves the state, so that `up` sets it again."""
        if self._try_login(props, self.admin):
            return ReadResult(id_, inputs_only(props))
        return ReadResult(None, {})

    def _apply(self, props: Properties) -> Properties:
        """Try until the deadline. Raises ScyllaError when no password is accepted."""
        deadline = self.clock.now() + props["deadline_seconds"]
        is_set = False
        while True:
            last_error: ScyllaError | None = None
            try:
                if self._try_login(props, self.admin):
                    digest = password_digest(self.admin.password, secrets.token_hex(16))
                    return inputs_only(props) | {"password_digest": digest}
                is_set = is_set or self._set_password(props)
            except ScyllaError as error:
                last_error = error
            if self.clock.now() >= deadline:
                raise last_error or self._refused(props)
            self.clock.sleep(RETRY_INTERVAL_SECONDS)

    def _set_password(self, props: Properties) -> bool:
        """Log in with a password that may still be valid and set the configured one."""
        candidates = [DEFAULT_SUPERUSER]
        if self._previous_password:
            candidates.insert(0, Credentials(self.admin.username, self._previous_password))
        for candidate in candidates:
            try:
                with self.connect(props["contact_points"], candidate) as session:
                    self._write_password(session.execute, candidate.username)
                    return True
            except ScyllaAuthenticationError:
                continue
        return False

    def _write_password(self, execute: Callable[..., object], logged_in_as: str) -> None:
        admin, literal = self.admin, quote_text(self.admin.password)
        options = f"WITH PASSWORD = {literal} AND LOGIN = true AND SUPERUSER = true"
        if admin.username != logged_in_as:
            # The default superuser stays, with the same password: a known one would be an open door.
            statement = f"CREATE ROLE IF NOT EXISTS {quote_name(admin.username)} {options}"
            execute(statement, secret=admin.password)
        for name in {admin.username, logged_in_as}:
            execute(f"ALTER ROLE {quote_name(name)} WITH PASSWORD = {literal}", secret=admin.password)

    def _try_login(self, props: Properties, credentials: Credentials) -> bool:
        try:
            with self.connect(props["contact_points"], credentials):
                return True
        except ScyllaAuthenticationError:
            return False

    def _refused(self, props: Properties) -> ScyllaError:
        return ScyllaUnreachableError(
            f"ScyllaDB at {', '.join(props['contact_points'])} accepts neither the password in "
            f"{ADMIN_PASSWORD_KEY} for {self.admin.username} nor the default one. If the password was "
            f"changed before, put the former one into the config secret {PREVIOUS_PASSWORD_KEY} and run this again"
        )


def password_digest(password: str, salt: str) -> str:
    """`salt$digest`: tells in the state whether the password has changed since, but not the password."""
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=1 << 14, r=8, p=1)
    return f"{salt}${digest.hex()}"


class SuperuserPassword(Resource, module="scylla", name="SuperuserPassword"):
    """The configured administrator password. Deleting the resource changes nothing on the server."""

    triggers: Output[list[str]]

    def __init__(self, resource_name: str, args: SuperuserPasswordArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(SuperuserPasswordProvider(), resource_name, dict(vars(args)), opts)
