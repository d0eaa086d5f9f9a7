"""The table of repairs: what was written to target tables, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from reconcile.journal import Journal
from reconcile.model import Kind, State
from reconcile.queries import load
from reconcile.records import Action, LogRecord, Outcome
from reconcile.store import Connection

_LOG: Final = TypeAdapter(list[LogRecord])


@dataclass(frozen=True)
class NewRepair:
    """What was done about one finding, on its way into `reconciliation_repairs`."""

    log_id: int
    action: Action
    outcome: Outcome
    columns: Sequence[str] = ()
    before: str | None = None
    """The row before, as JSON text of PostgreSQL's own making; None when there was none."""
    after: str | None = None
    source_fingerprint: bytes = b""
    seen_xmin: str | None = None
    xid: str | None = None
    detail: str | None = None
    undoes: int | None = None


@dataclass(frozen=True)
class Unverified:
    """A repair that was committed, and after which ScyllaDB was not read again."""

    repair_id: int
    log_id: int
    action: Action
    xid: str
    source_fingerprint: bytes
    pk: dict[str, Any]
    pk_fingerprint: bytes


@dataclass(frozen=True)
class Undoable:
    """An applied repair that can be taken back."""

    repair_id: int
    log_id: int
    action: Action
    columns: tuple[str, ...]
    xid: str
    pk: dict[str, Any]


_UNVERIFIED: Final = TypeAdapter(list[Unverified])
_UNDOABLE: Final = TypeAdapter(list[Undoable])


class RepairBook:
    """The repairs of one run. Methods that take a connection are part of a transaction that the caller began."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._store = journal.store
        self._run_id = journal.run_id

    def open_findings(self, kinds: Sequence[Kind], limit: int, after: int, *, dry_run: bool) -> list[LogRecord]:
        """Return confirmed findings that are open, in order, those behind `after`; without those tried dry before."""
        return _LOG.validate_python(
            self._store.rows(
                load("repair_open"),
                {
                    "run": self._run_id,
                    "kinds": [kind.value for kind in kinds],
                    "after": after,
                    "limit": limit,
                    "dry_run": dry_run,
                },
            )
        )

    def unverified(self) -> list[Unverified]:
        """Return repairs of the table, of whatever run, whose last step is not done, such as after a crash."""
        return _UNVERIFIED.validate_python(self._store.rows(load("repair_unverified"), {"table": self.journal.table}))

    def undoable(self, limit: int, before: int | None) -> list[Undoable]:
        """Return applied repairs that were not taken back, newest first, those older than `before`."""
        return _UNDOABLE.validate_python(
            self._store.rows(load("repair_undoable"), {"run": self._run_id, "before": before, "limit": limit})
        )

    def record(self, connection: Connection, repairs: Sequence[NewRepair]) -> None:
        """Write repairs in the transaction of the write itself; each is the next attempt at its finding."""
        connection.cursor().executemany(
            load("repair_insert"),
            [
                {
                    "log": repair.log_id,
                    "run": self._run_id,
                    "table": self.journal.table,
                    "action": repair.action.value,
                    "outcome": repair.outcome.value,
                    "columns": list(repair.columns),
                    "before": repair.before,
                    "after": repair.after,
                    "fingerprint": repair.source_fingerprint,
                    "seen": repair.seen_xmin,
                    "xid": repair.xid,
                    "detail": repair.detail,
                    "undoes": repair.undoes,
                }
                for repair in repairs
            ],
        )

    def set_state(self, connection: Connection, log_ids: Sequence[int], state: State) -> None:
        """Set the state of findings that are not settled."""
        connection.execute(
            "UPDATE reconciliation_log SET state = %s, updated_at = clock_timestamp() WHERE log_id = ANY(%s)",
            (state.value, list(log_ids)),
        )

    def set_verified(
        self, connection: Connection, repair_ids: Sequence[int], outcome: Outcome, detail: str | None = None
    ) -> None:
        """Record the end of repairs, and what they came to; done again after a lost connection, it changes nothing."""
        connection.execute(
            "UPDATE reconciliation_repairs SET verified_at = clock_timestamp(), outcome = %s, "
            "detail = coalesce(%s, detail) WHERE repair_id = ANY(%s) AND verified_at IS NULL",
            (outcome.value, detail, list(repair_ids)),
        )

    def settle(self, log_ids: Sequence[int]) -> None:
        """Close findings that a look found equal: repaired when a repair of ours still counts, else resolved."""

        def work(connection: Connection) -> None:
            self.journal.fence(connection)
            connection.execute(load("repair_settle"), {"logs": list(log_ids)})

        self._store.transact(work)
