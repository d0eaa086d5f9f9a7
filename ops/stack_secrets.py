"""The stack's generated passwords: encrypted values in the stack's configuration file.

The configuration file is tracked by git, so a checkout or a reset can take the encrypted values away while the
services still use them. A copy (still encrypted) is kept beside the state and put back in that case.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from components.tls.authority import new_authority
from components.tls.certificate import AUTHORITY_KEY
from ops.errors import OpsError
from ops.project import PROJECT_NAME, stack_file
from ops.pulumi_cli import PulumiCli
from ops.stack_config import load

SECRET_KEYS: Final = (
    "scyllaAdminPassword",
    "postgresAdminPassword",
    "monitorPassword",
    "grafanaAdminPassword",
    "vaultToken",
)

KAFKA_PASSWORD: Final = "kafkaAdminPassword"  # noqa: S105 the name of a key, not a password
CONNECT_PASSWORD: Final = "connectPassword"  # noqa: S105 the name of a key, not a password

# These open a service that somebody else runs when its mode is `external`: only a person can know them.
_GIVEN_WHEN_EXTERNAL: Final = {
    "scyllaAdminPassword": "scyllaMode",
    "postgresAdminPassword": "postgresMode",
    "vaultToken": "vaultMode",
    KAFKA_PASSWORD: "kafkaMode",
    CONNECT_PASSWORD: "connectMode",
}


def needed_keys(config: Mapping[str, Any]) -> list[str]:
    """Return the secret keys that a stack with this `config` mapping needs."""

    def of(key: str) -> str:
        return str(config.get(f"{PROJECT_NAME}:{key}") or "")

    tls = of("transportSecurity") == "tls"
    kafka_asks = of("kafkaSaslMechanism") not in ("", "none") if of("kafkaMode") == "external" else tls
    asked = {AUTHORITY_KEY: tls, KAFKA_PASSWORD: kafka_asks, CONNECT_PASSWORD: bool(of("connectUser"))}
    return [*SECRET_KEYS, *(key for key, needed in asked.items() if needed)]


def missing_keys(config: Mapping[str, Any]) -> list[str]:
    """Return those that the mapping has no value for."""
    return [key for key in needed_keys(config) if not config.get(f"{PROJECT_NAME}:{key}")]


def made_up(key: str, stack: str) -> str:
    """Return a value for a secret that nobody else has to know."""
    return new_authority(f"{PROJECT_NAME} {stack}") if key == AUTHORITY_KEY else secrets.token_urlsafe(24)


def ensure_secrets(cli: PulumiCli, project_dir: Path, state_dir: Path) -> list[str]:
    """Generate the secrets that the stack lacks and return their keys.

    Raises:
        OpsError: A secret of an external service is missing; names the keys and the commands that set them.
    """
    path = stack_file(cli.stack, project_dir)
    saved = state_dir / f"{cli.stack}.secrets.yaml"
    restore(path, saved)
    config = load(path).get("config") or {}
    missing = missing_keys(config)
    given = [key for key in missing if _is_external(config, key)]
    if given:
        commands = "\n".join(f"  pulumi config set --secret {key} --stack {cli.stack}" for key in given)
        raise OpsError(
            f"Stack {cli.stack} lacks {', '.join(given)}: credentials of services that it does not create.",
            f"Set them (the value is asked for):\n{commands}",
        )
    for key in missing:
        cli.set_secret(key, made_up(key, cli.stack))
    save(path, saved)
    return missing


def _is_external(config: Mapping[str, Any], key: str) -> bool:
    mode_key = _GIVEN_WHEN_EXTERNAL.get(key)
    return mode_key is not None and config.get(f"{PROJECT_NAME}:{mode_key}") == "external"


def save(path: Path, saved: Path) -> None:
    """Keep a copy of the encrypted values and of the salt that they belong to."""
    document = load(path)
    config = document.get("config") or {}
    encrypted = {key: value for key, value in config.items() if isinstance(value, dict) and "secure" in value}
    kept = {"encryptionsalt": document.get("encryptionsalt"), "config": encrypted}
    temporary = saved.with_suffix(".tmp")
    temporary.write_text(yaml.safe_dump(kept))
    temporary.chmod(0o600)
    temporary.replace(saved)


def restore(path: Path, saved: Path) -> None:
    """Put saved values back into a configuration file that has lost its salt and all its encrypted values."""
    kept, document = load(saved), load(path)
    if not kept.get("encryptionsalt") or document.get("encryptionsalt"):
        return
    config = document.get("config") or {}
    lost = {key: value for key, value in kept["config"].items() if key not in config}
    # Edited as text, so that the file's comments stay.
    lines = path.read_text().splitlines() if path.exists() else []
    if "config:" not in lines:
        lines.append("config:")
    at = lines.index("config:") + 1
    for key, value in lost.items():
        lines[at:at] = [f"  {key}:", f"    secure: {value['secure']}"]
    path.write_text("\n".join([*lines, f"encryptionsalt: {kept['encryptionsalt']}"]) + "\n")
