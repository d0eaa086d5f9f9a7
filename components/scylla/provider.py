"""What the dynamic resources inside ScyllaDB share.

The administrator's credentials come from the stack's configuration (`scyllaAdminUser`, `scyllaAdminPassword`)
through `configure`, so that they are in no resource's state. Everything else is an input of the resource.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final

from pulumi.dynamic import CheckFailure, CheckResult, ConfigureRequest, DiffResult

from components.provider_errors import ProviderError
from components.scylla.session import (
    CqlSession,
    Credentials,
    open_session,
    split_contact_points,
)
from components.tls.provider import TrustingProvider
from components.unknowns import has_unknowns

ADMIN_USER_KEY: Final = "scyllaAdminUser"
ADMIN_PASSWORD_KEY: Final = "scyllaAdminPassword"  # noqa: S105 the name of a key, not a password
DEFAULT_ADMIN_USER: Final = "cassandra"
PROVIDER_KEY: Final = "__provider"

_NAME = re.compile(r"[A-Za-z0-9_]{1,48}")

Properties = dict[str, Any]
InputCheck = Callable[[Any], str | None]
"""Tells what is wrong with an input's value, or None."""


class ConfigurationError(ProviderError):
    """A stack configuration key is missing. The message shows how to set it."""


class ScyllaProvider(TrustingProvider):
    """Base of the stateless providers: nothing in the constructor, credentials from `configure`."""

    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change makes another object."""

    input_checks: ClassVar[Mapping[str, InputCheck]] = {}
    """Per input, what tells what is wrong with its value."""

    _admin: Credentials | None = None
    _tls: bool = False

    def connect(self, contact_points: Sequence[str], credentials: Credentials) -> AbstractContextManager[CqlSession]:
        """Open a session; tests put a fake here."""
        return open_session(contact_points, credentials, self._trusted if self._tls else None)

    def configure(self, req: ConfigureRequest) -> None:
        """Take the administrator's credentials and the trusted authorities from the stack's configuration."""
        super().configure(req)
        self._tls = speaks_tls(req.config.get)
        password = req.config.get(ADMIN_PASSWORD_KEY)
        if password:
            self._admin = Credentials(req.config.get(ADMIN_USER_KEY) or DEFAULT_ADMIN_USER, password)

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Validate the inputs that are known; no network."""
        checks = {"contact_points": contact_points_problem, **self.input_checks}
        return CheckResult(news, check_known(news, checks))

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare what is there (the state, updated by refresh) with what is wanted; no network."""
        return diff_inputs(_olds, _news, self.replace_on)

    def session(self, props: Mapping[str, Any]) -> AbstractContextManager[CqlSession]:
        """A session as administrator at the resource's contact points."""
        return self.connect(props["contact_points"], self.admin)

    @property
    def admin(self) -> Credentials:
        """The administrator's credentials. Raises ConfigurationError."""
        if self._admin is None:
            raise ConfigurationError(
                f"the stack has no {ADMIN_PASSWORD_KEY}; set it with "
                f"`pulumi config set --secret {ADMIN_PASSWORD_KEY}` and run the same command again"
            )
        return self._admin


def speaks_tls(config: Callable[[str], Any]) -> bool:
    """Whether the stack's ScyllaDB does; `config` returns the value of a config key, or None."""
    if config("scyllaMode") == "external":
        return str(config("scyllaTlsEnabled")).lower() == "true"
    return bool(config("transportSecurity") == "tls")


def diff_inputs(olds: Properties, news: Properties, replace_on: Iterable[str] = ()) -> DiffResult:
    """Diff by input: an update when any differs, a replacement when one of `replace_on` does."""
    changed = {name for name, value in inputs_only(news).items() if olds.get(name) != value}
    return DiffResult(changes=bool(changed), replaces=sorted(changed & set(replace_on)))


def check_known(news: Mapping[str, Any], checks: Mapping[str, InputCheck]) -> list[CheckFailure]:
    """Run a check for each input whose value is already known."""
    failures = []
    for name, check in checks.items():
        if name not in news or has_unknowns(news[name]):
            continue
        if (reason := check(news[name])) is not None:
            failures.append(CheckFailure(name, reason))
    return failures


def contact_points_problem(contact_points: Sequence[str]) -> str | None:
    """What is wrong with the input `contact_points`, or None."""
    try:
        split_contact_points(contact_points)
    except ValueError as error:
        return str(error)
    return None


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a keyspace, table or role, or None: the connector reads no others."""
    if _NAME.fullmatch(name):
        return None
    return f"'{name}' is not a name of 1 to 48 letters, digits and underscores"


def inputs_only(props: Properties) -> Properties:
    """Properties without what Pulumi adds."""
    return {name: value for name, value in props.items() if name != PROVIDER_KEY}
