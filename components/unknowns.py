"""Values that a preview does not know yet."""

from __future__ import annotations

from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN


def is_unknown(value: object) -> bool:
    """Whether the engine will only know this value during the update.

    The plug-in process gets such values as objects, and as a marker string where the engine does not decode them.
    """
    return isinstance(value, Unknown) or value == UNKNOWN
