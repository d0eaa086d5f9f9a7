"""What is wrong with a connector's configuration, found without asking anybody."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.kafka_connect.property_names import CLASSES, EQUIVALENTS, RESERVED, SCYLLA_SOURCE, ConnectorClass
from components.unknowns import is_unknown

_SECRET_NAME: Final = re.compile(
    r"(password|passwd|secret|token|credentials?|api[._-]?key|access[._-]?key|private[._-]?key"
    r"|sasl\.jaas\.config|user\.info)$",
    re.IGNORECASE,
)
_PATH_NAMES: Final = frozenset({"scylla.ssl.openssl.privateKey"})
"""Names that look like a secret but hold the path of a file."""
_PLACEHOLDER: Final = re.compile(r"\$\{[^{}:]+:[^{}]+\}")
"""A reference that one of the worker's config providers resolves: `${provider:path:key}`."""
_SECRET_IN_URL: Final = re.compile(r"://[^/\s:@]*:[^/\s@]+@|[?&;](?:password|sslpassword)=[^&;]+", re.IGNORECASE)

Problem = tuple[str, str]
"""Property and what is wrong with it."""


def config_problems(connector_class: str, config: Mapping[str, object]) -> list[Problem]:
    """Every problem of a configuration that can be seen without Connect. No message contains a value.

    Values that a preview does not know are not judged.
    """
    known_class = CLASSES.get(connector_class)
    known = {key: _text(value) for key, value in config.items() if not is_unknown(value)}
    problems = [(key, _name_problem(key, known_class)) for key in config]
    found: list[Problem] = [(key, problem) for key, problem in problems if problem]
    found += [(key, problem) for key, value in known.items() if (problem := _secret_problem(key, value))]
    if len(known) == len(config):
        found += _orphans(known)
        found += _traps(known_class, known) if known_class else ()
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name_problem(key: str, connector: ConnectorClass | None) -> str | None:
    if key in RESERVED:
        return f"is reserved; set the argument {RESERVED[key]} of the connector instead"
    if connector is None or connector.has(key):
        return None
    if connector.kind == "source" and key.startswith("errors.deadletterqueue."):
        return f"belongs to sinks; Kafka Connect has no dead letter queue for sources such as {connector.name}"
    owners = sorted(other.name for other in CLASSES.values() if other.has(key))
    equivalent = EQUIVALENTS.get(key, "")
    hint = f"; write {equivalent}" if connector.has(equivalent) else ""
    if owners:
        return f"belongs to {' and '.join(owners)}, not to {connector.name}{hint}"
    if not hint and (close := difflib.get_close_matches(key, connector.properties, 1, 0.8)):
        hint = f"; did you mean {close[0]}?"
    return f"is no property of {connector.name} nor of Kafka Connect{hint}"


def _secret_problem(key: str, value: str) -> str | None:
    looks_secret = bool(_SECRET_NAME.search(key)) and key not in _PATH_NAMES
    if looks_secret and value and not _PLACEHOLDER.fullmatch(value):
        return (
            "is a secret in clear, which everybody who reaches Connect's REST API could read; write a reference such "
            f"as ${{file:/vault/secrets/postgres.properties:{'password' if 'password' in key else 'key'}}}"
        )
    if _SECRET_IN_URL.search(value):
        return "holds a password inside a URL; use the property for the password, with a reference to a file"
    return None


def _orphans(config: Mapping[str, str]) -> Iterator[Problem]:
    """Properties of a transform or predicate that is not in the list of those that are used."""
    for kind in ("transforms", "predicates"):
        used = {alias.strip() for alias in config.get(kind, "").split(",")}
        for key in config:
            if key.startswith(f"{kind}.") and key.split(".")[1] not in used:
                yield key, f"configures {key.split('.')[1]!r}, which is not listed in {kind}"


def _traps(connector: ConnectorClass, config: Mapping[str, str]) -> Iterator[Problem]:
    """Combinations that Connect accepts and that lose data or stop the connector."""
    tolerance = config.get("errors.tolerance", "none")
    if connector.kind == "source" and tolerance == "all":
        yield "errors.tolerance", "must be none on a source: with all, changes would be skipped silently"
    if connector.kind == "sink" and "errors.deadletterqueue.topic.name" in config and tolerance != "all":
        yield (
            "errors.tolerance",
            "must be all with a dead letter queue: otherwise a bad record is copied there and the task stops too",
        )
    if connector.name == SCYLLA_SOURCE:
        yield from _scylla_traps(config)
    elif connector.has("use.reduction.buffer"):
        rewrites = "rewritebatchedinserts=true" in config.get("connection.url", "").lower()
        if rewrites and config.get("use.reduction.buffer", "false") != "true":
            yield (
                "use.reduction.buffer",
                "must be true with reWriteBatchedInserts=true: otherwise two changes of a row in one batch fail",
            )


def _scylla_traps(config: Mapping[str, str]) -> Iterator[Problem]:
    if config.get("exactly.once.support") == "required":
        yield "exactly.once.support", "cannot be required: ScyllaDB's connector does not implement it; write requested"
    wanted = {"cdc.output.format": "advanced", "cdc.include.after": "full", "cdc.include.before": "none"}
    reasons = {
        "cdc.output.format": "the older format overwrites untouched columns with NULL",
        "cdc.include.after": "without whole rows, untouched columns are overwritten with NULL",
        "cdc.include.before": "with before-images the connector drops changes of rows that did not exist",
    }
    for key, value in wanted.items():
        default = "none" if key == "cdc.include.before" else ""
        if config.get(key, default) != value:
            yield key, f"must be {value}: {reasons[key]}"
    if not config.get("cdc.include.primary-key.placement"):
        yield (
            "cdc.include.primary-key.placement",
            "must be written out, or records have no key: write kafka-key,payload-after,payload-before",
        )
