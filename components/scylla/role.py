"""A login role with only the grants that it needs, as a resource."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, ReadResult, Resource, UpdateResult

from components.provider_errors import short_errors
from components.scylla.provider import Properties, ScyllaProvider, inputs_only, name_problem
from components.scylla.session import (
    CqlSession,
    Credentials,
    ScyllaAuthenticationError,
    quote_name,
    quote_text,
)

PERMISSIONS: Final = ("CREATE", "ALTER", "DROP", "SELECT", "MODIFY", "AUTHORIZE")
_RESOURCE: Final = re.compile(r"ALL KEYSPACES|KEYSPACE (?P<keyspace>\w+)|TABLE (?P<table>\w+\.\w+)")
_LISTED_RESOURCE: Final = re.compile(r"<(all keyspaces|keyspace \w+|table \w+\.\w+)>")

Grant = tuple[str, str]
"""Permission and resource, as in `("SELECT", "TABLE shop.users")`."""


def grants_problem(grants: Sequence[Mapping[str, str]]) -> str | None:
    """What is wrong with the input `grants`, or None."""
    for grant in grants:
        if grant.get("permission") not in PERMISSIONS:
            return f"permission {grant.get('permission')} is not one of {', '.join(PERMISSIONS)}"
        if not _RESOURCE.fullmatch(grant.get("resource", "")):
            resource = grant.get("resource")
            return f"resource '{resource}' is not ALL KEYSPACES, KEYSPACE name or TABLE keyspace.name"
    return None


@dataclass(frozen=True)
class RoleArgs:
    """Arguments of `Role`."""

    name: Input[str]
    """Name of the role; a change makes another role and drops this one."""
    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    password: Input[str] | None = None
    """Password; a secret, kept encrypted in the state under the same name. None: somebody else sets it, such as Vault;
    until then nobody can log in."""
    grants: Input[Sequence[Input[Mapping[str, Input[str]]]]] = ()
    """`{"permission": "SELECT", "resource": "TABLE shop.users"}` each; what is not named here is revoked."""
    login: Input[bool] = True
    """Whether the role may log in."""


class RoleProvider(ScyllaProvider):
    """Creates a role or takes it over, and keeps password, login and grants as declared."""

    replace_on = frozenset({"name"})
    input_checks = MappingProxyType({"name": name_problem, "grants": grants_problem})

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Create the role, or set the one that is there to what is declared."""
        return CreateResult(props["name"], self._apply(props))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Set password, login and grants."""
        return UpdateResult(self._apply(_news))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Report login and grants as they are; a password that is no longer accepted is reported as empty."""
        with self.session(props) as session:
            role = _read_role(session, props["name"])
            if role is None:
                return ReadResult(None, {})
            observed = inputs_only(props) | {"login": role["login"], "superuser": role["super"]}
            actual = _read_grants(session, props["name"])
        if actual != declared_grants(props["grants"]):
            observed["grants"] = [{"permission": p, "resource": r} for p, r in sorted(actual)]
        if role["login"] and props.get("password") and not self._password_is_accepted(props):
            observed["password"] = ""
        return ReadResult(id_, observed)

    @short_errors
    def delete(self, _id: str, _props: Properties) -> None:
        """Drop the role."""
        with self.session(_props) as session:
            session.execute(f"DROP ROLE IF EXISTS {quote_name(_props['name'])}")

    def _apply(self, props: Properties) -> Properties:
        name = props["name"]
        with self.session(props) as session:
            self._set_options(session, props)
            declared, actual = declared_grants(props["grants"]), _read_grants(session, name)
            for permission, resource in sorted(declared - actual):
                session.execute(f"GRANT {permission} ON {_quoted(resource)} TO {quote_name(name)}")
            for permission, resource in sorted(actual - declared):
                session.execute(f"REVOKE {permission} ON {_quoted(resource)} FROM {quote_name(name)}")
        return inputs_only(props)

    def _set_options(self, session: CqlSession, props: Properties) -> None:
        role = _read_role(session, props["name"])
        login = "true" if props["login"] else "false"
        options = f"LOGIN = {login} AND SUPERUSER = false"
        password = props.get("password") or ("" if role else secrets.token_urlsafe(24))
        # A password that is accepted is not set again: servers may limit how often it changes.
        if password and (role is None or not (role["login"] and self._password_is_accepted(props))):
            options = f"PASSWORD = {quote_text(password)} AND {options}"
        verb = "CREATE" if role is None else "ALTER"
        session.execute(f"{verb} ROLE {quote_name(props['name'])} WITH {options}", secret=password)

    def _password_is_accepted(self, props: Properties) -> bool:
        try:
            with self.connect(props["contact_points"], Credentials(props["name"], props["password"])):
                return True
        except ScyllaAuthenticationError:
            return False


class Role(Resource, module="scylla", name="Role"):
    """A role. Deleting the resource drops it."""

    name: Output[str]

    def __init__(self, resource_name: str, args: RoleArgs, opts: ResourceOptions | None = None) -> None:
        password = None if args.password is None else Output.secret(args.password)
        props = dict(vars(args)) | {"password": password, "superuser": False}
        super().__init__(RoleProvider(), resource_name, props, opts)


def declared_grants(grants: Sequence[Mapping[str, str]]) -> set[Grant]:
    """The input `grants` as a set."""
    return {(grant["permission"], grant["resource"]) for grant in grants}


def _read_role(session: CqlSession, name: str) -> Mapping[str, Any] | None:
    """Name, `login` and `super` of a role, or None."""
    return next((row for row in session.execute("LIST ROLES") if row["role"] == name), None)


def _read_grants(session: CqlSession, name: str) -> set[Grant]:
    """Permissions on data that the role itself holds, not those that it inherits."""
    grants = set()
    for row in session.execute(f"LIST ALL PERMISSIONS OF {quote_name(name)} NORECURSIVE"):
        if match := _LISTED_RESOURCE.fullmatch(row["resource"]):
            kind, _, rest = match[1].partition(" ")
            resource = "ALL KEYSPACES" if kind == "all" else f"{kind.upper()} {rest}"
            grants.add((row["permission"], resource))
    return grants


def _quoted(resource: str) -> str:
    match = _RESOURCE.fullmatch(resource)
    if match and match["keyspace"]:
        return f"KEYSPACE {quote_name(match['keyspace'])}"
    if match and match["table"]:
        keyspace, _, table = match["table"].partition(".")
        return f"TABLE {quote_name(keyspace)}.{quote_name(table)}"
    return "ALL KEYSPACES"
