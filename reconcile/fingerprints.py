"""Fingerprints of keys, by which the bookkeeping tables find them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from reconcile.model import Key
from reconcile.schema import TablePlan

_BYTES: Final = 16


def key_fingerprint(plan: TablePlan, key: Key) -> bytes:
    """Return 16 bytes that are the same for equal keys only, in every process."""
    digest = blake2b(digest_size=_BYTES)
    for column, value in zip(plan.key, key, strict=True):
        identity = b"" if value is None else column.rule.identity(value)
        digest.update(b"\0" if value is None else b"\1" + len(identity).to_bytes(4, "big"))
        digest.update(identity)
    return digest.digest()
