"""Checks and values that the typed connector configurations share."""

from __future__ import annotations

import re
from typing import Final

from components.probes import split_address

SECRETS_DIRECTORY: Final = "/vault/secrets"
"""Where Vault Agent renders the connectors' secrets, as the workers see it."""
RETRY_DELAY_MAX_MS: Final = 5000
"""Longest pause between two attempts to convert a record."""
_TOPIC_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")


def secret_reference(service: str, key: str) -> str:
    """The worker's FileConfigProvider replaces this by the value; Connect's REST API shows the reference only."""
    return f"${{file:{SECRETS_DIRECTORY}/{service}.properties:{key}}}"


def check_topic(field: str, name: str) -> None:
    """Refuse what Kafka would refuse as (part of) a topic name."""
    if not _TOPIC_NAME.fullmatch(name):
        raise ValueError(f"{field} {name!r} is no topic name; write letters, digits, '.', '_' and '-'")


def check_addresses(field: str, addresses: tuple[str, ...]) -> None:
    """Refuse an empty list and entries that are not host:port."""
    if not addresses:
        raise ValueError(f"{field} is empty; write at least one host:port")
    for address in addresses:
        try:
            split_address(address)
        except ValueError as error:
            raise ValueError(f"{field}: {error}; write for example scylla:9042") from None


def check_at_least(field: str, value: int, least: int) -> None:
    """Refuse a value below `least`."""
    if value < least:
        raise ValueError(f"{field} is {value}; write {least} or more")


def check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices."""
    if value not in choices:
        raise ValueError(f"{field} {value!r} is not known; write one of {', '.join(choices)}")
