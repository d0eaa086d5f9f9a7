"""Candidates of a run and what becomes of them: equal after all, or a finding in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from reconcile.journal import Journal
from reconcile.model import Difference, State
from reconcile.queries import load
from reconcile.records import UNSETTLED, Candidate, LogRecord, NewFinding
from reconcile.store import Connection

_CANDIDATES: Final = TypeAdapter(list[Candidate])
_LOG: Final = TypeAdapter(list[LogRecord])
_UNSETTLED: Final = [state.value for state in UNSETTLED]


@dataclass(frozen=True)
class Look:
    """What one look at a candidate saw."""

    candidate: Candidate
    difference: Difference | None
    """None when both sides are equal now."""
    target_xmin: str | None
    looked_at: datetime
    """When both reads had ended."""
    stable: bool
    """Both sides are as they were at the look before."""


class CandidateBook:
    """The candidates of one run, and the findings that they become. Every method is one transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._store = journal.store
        self._run_id = journal.run_id

    def pending(self, limit: int, after: bytes = b"") -> list[Candidate]:
        """Return undecided candidates by fingerprint, those behind `after`."""
        return _CANDIDATES.validate_python(
            self._store.rows(
                "SELECT pk_fingerprint AS fingerprint, pk AS key, kind AS difference_kind, "
                "differing_columns AS columns, source_fingerprint, target_fingerprint, target_xmin, first_seen, "
                "last_looked, stable_looks, looks, changes FROM reconciliation_candidates "
                "WHERE run_id = %s AND pk_fingerprint > %s ORDER BY pk_fingerprint LIMIT %s",
                (self._run_id, after, limit),
            )
        )

    def last_looked(self) -> tuple[datetime | None, bool]:
        """Return the time of the latest look at an undecided candidate, and whether some have had no look yet."""
        row = self._store.rows(
            "SELECT max(last_looked) AS latest, coalesce(bool_or(last_looked IS NULL), false) AS fresh "
            "FROM reconciliation_candidates WHERE run_id = %s",
            (self._run_id,),
        )[0]
        return row["latest"], row["fresh"]

    def commit(self, looks: Sequence[Look], decided: Sequence[NewFinding]) -> None:
        """Record looks: equal rows leave the candidates, decided ones move into the log, the others wait."""
        equal = [look.candidate.fingerprint for look in looks if look.difference is None]
        moved = {finding.fingerprint for finding in decided}
        waiting = [look for look in looks if look.difference and look.candidate.fingerprint not in moved]

        def work(connection: Connection) -> None:
            self._journal.fence(connection)
            for finding in decided:
                self._log(connection, finding)
            transient = self._remove(connection, equal)
            self._remove(connection, list(moved))
            connection.cursor().executemany(load("candidate_waits"), [self._waiting_row(look) for look in waiting])
            self._resolve(connection, equal)
            self._count_transient(connection, transient)

        self._store.transact(work)

    def _remove(self, connection: Connection, fingerprints: list[bytes]) -> int:
        return connection.execute(
            "DELETE FROM reconciliation_candidates WHERE run_id = %s AND pk_fingerprint = ANY(%s)",
            (self._run_id, fingerprints),
        ).rowcount

    def _waiting_row(self, look: Look) -> dict[str, Any]:
        candidate, difference = look.candidate, look.difference
        assert difference is not None  # noqa: S101 equal rows do not wait; this tells the type checker
        changed = not look.stable and candidate.last_looked is not None
        return {
            "run": self._run_id,
            "fingerprint": candidate.fingerprint,
            "kind": difference.kind.value,
            "columns": list(difference.columns),
            "source": difference.source_fingerprint,
            "target": difference.target_fingerprint,
            "xmin": look.target_xmin,
            "looked": look.looked_at,
            "stable": candidate.stable_looks + 1 if look.stable else 1,
            "changes": candidate.changes + int(changed),
        }

    def _log(self, connection: Connection, finding: NewFinding) -> None:
        """Write the finding; one of an earlier run for the same row gives way, so that a row counts once."""
        values = {
            "run": self._run_id,
            "table": self._journal.table,
            "kind": finding.difference.kind.value,
            "cause": finding.cause.value,
            "state": finding.state.value,
            "pk": Jsonb(finding.key),
            "fingerprint": finding.fingerprint,
            "columns": list(finding.difference.columns),
            "diff": Jsonb([asdict(column) for column in finding.columns]),
            "source": finding.difference.source_fingerprint,
            "target": finding.difference.target_fingerprint,
            "xmin": finding.target_xmin,
            "first_seen": finding.first_seen,
            "checks": finding.checks,
            "changes": finding.changes,
            "unsettled": _UNSETTLED,
        }
        connection.execute(load("log_supersede"), values)
        connection.execute(load("log_insert"), values)

    def _resolve(self, connection: Connection, fingerprints: list[bytes]) -> None:
        connection.execute(
            "UPDATE reconciliation_log SET state = %s, updated_at = clock_timestamp() "
            "WHERE table_name = %s AND pk_fingerprint = ANY(%s) AND state = ANY(%s)",
            (State.RESOLVED.value, self._journal.table, fingerprints, _UNSETTLED),
        )

    def _count_transient(self, connection: Connection, more: int) -> None:
        connection.execute(
            "INSERT INTO reconciliation_checkpoints AS c (run_id, phase, unit_number, kind, counts) "
            "VALUES (%(run)s, 'confirm', 0, 'confirm', jsonb_build_object('transient', %(more)s::bigint)) "
            "ON CONFLICT (run_id, phase, unit_number) DO UPDATE SET counts = jsonb_build_object('transient', "
            "coalesce((c.counts ->> 'transient')::bigint, 0) + %(more)s), updated_at = clock_timestamp()",
            {"run": self._run_id, "more": more},
        )

    def unsettled(self, limit: int, after: int = 0, run_id: Any = None) -> list[LogRecord]:
        """Return findings that still say that the sides differ: of all runs over the table, or of one."""
        return _LOG.validate_python(
            self._store.rows(
                "SELECT * FROM reconciliation_log WHERE table_name = %(table)s AND state = ANY(%(states)s) "
                "AND (%(run)s::uuid IS NULL OR run_id = %(run)s) AND log_id > %(after)s "
                "ORDER BY log_id LIMIT %(limit)s",
                {
                    "table": self._journal.table,
                    "states": _UNSETTLED,
                    "run": run_id,
                    "after": after,
                    "limit": limit,
                },
            )
        )

    def resolve(self, fingerprints: Sequence[bytes]) -> None:
        """Close the findings of rows that a look found equal."""

        def work(connection: Connection) -> None:
            self._journal.fence(connection)
            self._resolve(connection, list(fingerprints))

        self._store.transact(work)
