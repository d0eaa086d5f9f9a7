"""Logins from properties files, as Vault Agent renders them; read at each connect, so that a rotation is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconcile.errors import ConfigError
from reconcile.model import SourceSettings, TargetSettings


@dataclass(frozen=True)
class Credentials:
    """A login."""

    username: str
    password: str = field(repr=False)


def read_credentials(settings: SourceSettings | TargetSettings) -> Credentials | None:
    """Return the login of a database; None when the settings name none, as where no authentication is asked for.

    Raises:
        ConfigError: the file cannot be read or lacks a key; names file and key, never a value.
    """
    if settings.credentials_file is None:
        if settings.username is None:
            return None
        return Credentials(settings.username, settings.password or "")
    return Credentials(*read_properties(Path(settings.credentials_file)))


def read_properties(path: Path) -> tuple[str, str]:
    """Return user name and password of a file.

    Raises:
        ConfigError: the file cannot be read or lacks a key; names file and key, never a value.
    """
    properties = _properties(path)
    missing = [key for key in ("username", "password") if not properties.get(key)]
    if missing:
        raise ConfigError(
            f"{path} has no {' and no '.join(missing)}; it must hold the lines `username=...` and `password=...`"
        )
    return properties["username"], properties["password"]


def _properties(path: Path) -> dict[str, str]:
    """Return the keys of a properties file. Values are taken as they stand, without escapes."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(
            f"credentials file {path}: {error.strerror}; does its Vault Agent run, and may this user read it?"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"credentials file {path} is not UTF-8 text") from None
    lines = (line for line in text.splitlines() if "=" in line and not line.lstrip().startswith(("#", "!")))
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
