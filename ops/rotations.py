"""When Vault has last changed each password of the pipeline, and when it will next. It is asked for no password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from components.vault.client import VaultClient, VaultError
from components.vault.database import MOUNT
from ops.watching import duration

_LATE_SECONDS: Final = 60.0
"""Vault looks every few seconds for passwords that are due."""


@dataclass(frozen=True)
class Rotation:
    """A role of a database and its password's age."""

    role: str
    last: str
    """ISO 8601."""
    next: str

    def ok(self, now: datetime) -> bool:
        """Whether the password is not overdue."""
        return (now - datetime.fromisoformat(self.next)).total_seconds() < _LATE_SECONDS

    def text(self, now: datetime) -> str:
        """Return it for a terminal."""
        age, rest = (
            (moment - now).total_seconds()
            for moment in (datetime.fromisoformat(self.last), datetime.fromisoformat(self.next))
        )
        due = f"next in {duration(rest)}" if rest > 0 else f"due for {duration(-rest)}"
        return f"changed {duration(-age)} ago, {due}"


@dataclass(frozen=True)
class Rotations:
    """What Vault says."""

    roles: tuple[Rotation, ...]
    error: str = ""
    """Why it says nothing; empty when it does."""


def rotations(
    address: str, token: str, transport: httpx.BaseTransport | None = None, *, trusted: str = ""
) -> Rotations:
    """Ask Vault for all roles whose password it changes by itself.

    `trusted` are authorities (PEM) by which it is verified, beyond the system's own; `transport` is for tests.
    """
    try:
        with VaultClient(address, transport, retry_seconds=0, trusted=trusted) as vault:
            return Rotations(tuple(_rotations(vault, token)))
    except VaultError as error:
        return Rotations((), str(error))


def _rotations(vault: VaultClient, token: str) -> Iterator[Rotation]:
    roles = f"{MOUNT}/static-roles"
    for name in sorted(vault.names(roles, token)):
        role = vault.read(f"{roles}/{name}", token)
        if role and role.get("last_vault_rotation"):
            yield _rotation(name, role)


def _rotation(name: str, role: Mapping[str, Any]) -> Rotation:
    last = datetime.fromisoformat(role["last_vault_rotation"]).astimezone(UTC)
    following = last + timedelta(seconds=role["rotation_period"])
    return Rotation(name, *(moment.isoformat(timespec="seconds") for moment in (last, following)))
