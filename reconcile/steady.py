"""A client of PostgreSQL that comes back after the server was restarted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from reconcile.errors import UnreachableError
from reconcile.model import Key
from reconcile.schema import TablePlan
from reconcile.store import RECONNECT_SECONDS
from reconcile.target import TargetClient, TargetRow

T = TypeVar("T")

_LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, UnreachableError)


class SteadyTarget:
    """Reads rows by key; reads that fail with the connection are done again on a new one."""

    def __init__(self, client: TargetClient, reconnect_seconds: float = RECONNECT_SECONDS) -> None:
        self._client = client
        self._reconnect_seconds = reconnect_seconds

    def read(self, plan: TablePlan, keys: Sequence[Key], *, with_xmin: bool = False) -> Mapping[Key, TargetRow]:
        """Return the rows that exist."""
        return self._again(lambda: self._client.read(plan, keys, with_xmin=with_xmin))

    def _again(self, work: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type(_LOST),
            before=lambda state: self._client.close() if state.attempt_number > 1 else None,
            wait=wait_exponential(multiplier=0.1, max=5),
            stop=stop_after_delay(self._reconnect_seconds),
            reraise=True,
        )
        done: T = retrying(work)
        return done
