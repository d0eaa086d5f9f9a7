"""Values that a preview does not know yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN


def is_unknown(value: object) -> bool:
    """Whether the engine will only know this value during the update.

    The plug-in process gets such values as objects, and as a marker string where the engine does not decode them.
    """
    return isinstance(value, Unknown) or value == UNKNOWN


def has_unknowns(value: object) -> bool:
    """True when a value, or a value inside of it, is not known before the update runs."""
    if isinstance(value, Mapping):
        return any(has_unknowns(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(has_unknowns(item) for item in value)
    return is_unknown(value)
