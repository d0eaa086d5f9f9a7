"""The record of one run while it runs: its units, its candidates, its findings. Every method is one transaction."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from reconcile.errors import ConfigError, ExitCode, ReconcileError
from reconcile.model import Difference, RepairPolicy, Unit, UnitCounts, UnitKind, UnitResult
from reconcile.queries import load
from reconcile.records import RESUMABLE, Phase, RunRecord, RunState
from reconcile.request import RunRequest
from reconcile.store import Connection, Store


class LostRunError(ReconcileError):
    """Another process has taken the run over; this one must not write any more."""


@dataclass(frozen=True)
class NewCandidate:
    """A difference that a unit saw, with its key as the tables hold it."""

    fingerprint: bytes
    key: dict[str, Any]
    difference: Difference


@dataclass(frozen=True)
class UnitState:
    """A unit with what its checkpoint says."""

    unit: Unit
    state: str
    attempt: int


@dataclass(frozen=True)
class Totals:
    """Sums over a run's tables."""

    units_total: int
    units_done: int
    units_failed: int
    fraction: float
    """Share of all units' ranges that is done, 0 to 1."""
    counts: UnitCounts
    candidates: int
    """Not decided yet."""
    confirmed: int
    repaired: int


class Journal:
    """One run, as its owner writes it. Raises LostRunError as soon as another process owns the run."""

    def __init__(self, store: Store, run_id: UUID, owner: UUID, table: str) -> None:
        self.store = store
        self.run_id = run_id
        self.owner = owner
        self.table = table

    @classmethod
    def begin(
        cls,
        store: Store,
        request: RunRequest,
        fingerprint: str,
        ignored: Sequence[str],
        units: Sequence[Unit],
        until: datetime | None = None,
    ) -> Journal:
        """Record a new run with all its units, which from now on never change."""
        run_id, owner = uuid4(), uuid4()

        def work(connection: Connection) -> None:
            connection.execute(
                load("run_begin"),
                {
                    "run": run_id,
                    "source": request.table.source,
                    "target": request.table.target,
                    "mode": request.mode.value,
                    "strategy": request.strategy.value,
                    "repair": request.repair.value,
                    "dry_run": request.dry_run,
                    "since": request.since,
                    "until": until,
                    "fingerprint": fingerprint,
                    "ignored": list(ignored),
                    **_process(owner),
                },
            )
            connection.cursor().executemany(
                load("run_units"), [_unit_row(run_id, unit) | {"streams": list(unit.streams)} for unit in units]
            )

        store.transact(work)
        return cls(store, run_id, owner, request.table.source)

    @classmethod
    def resume(
        cls, store: Store, run: RunRecord, fingerprint: str, repair: RepairPolicy, *, dry_run: bool = False
    ) -> Journal:
        """Take a run over. Call it with the table's lock held.

        Raises:
            ConfigError: the run has ended, or the schema or the rules are not those that it began with.
        """
        if run.state not in RESUMABLE:
            raise ConfigError(f"run {run.run_id} is {run.state}: there is nothing to go on with; leave out --resume")
        if run.fingerprint != fingerprint:
            raise ConfigError(
                f"run {run.run_id} of {run.table_name} began with another schema or other rules (ignored columns, "
                "column types, release of reconcile), so its results cannot be mixed with new ones; "
                "start a new run without --resume"
            )
        owner = uuid4()

        def work(connection: Connection) -> None:
            _wait_for_owner(connection, run.run_id)
            connection.execute(
                load("run_resume"),
                {"run": run.run_id, "repair": repair.value, "dry_run": dry_run, **_process(owner)},
            )
            connection.execute(load("reopen_failed"), {"run": run.run_id})

        store.transact(work)
        return cls(store, run.run_id, owner, run.table_name)

    @classmethod
    def adopt(cls, store: Store, run: RunRecord, fingerprint: str) -> Journal:
        """Take a run over to work on what it found, without going on with it. Call it with the table's lock held.

        Raises:
            ConfigError: the schema or the rules are not those that it began with.
        """
        if run.fingerprint != fingerprint:
            raise ConfigError(
                f"run {run.run_id} saw {run.table_name} with another schema or other rules, so its findings do not fit "
                "any more; start a new run"
            )
        owner = uuid4()

        def work(connection: Connection) -> None:
            _wait_for_owner(connection, run.run_id)
            connection.execute("UPDATE reconciliation_runs SET owner = %s WHERE run_id = %s", (owner, run.run_id))

        store.transact(work)
        return cls(store, run.run_id, owner, run.table_name)

    def fence(self, connection: Connection) -> None:
        """Make sure, until the transaction ends, that no other process owns the run."""
        found = connection.execute(
            "SELECT 1 FROM reconciliation_runs WHERE run_id = %s AND owner = %s FOR KEY SHARE",
            (self.run_id, self.owner),
        ).fetchone()
        if not found:
            raise LostRunError(
                f"run {self.run_id} of {self.table} has been taken over by another process, because this one "
                "had lost its connection to PostgreSQL; look at the other one"
            )

    def set_phase(self, phase: Phase) -> None:
        """Record that a phase begins."""
        self._fenced("UPDATE reconciliation_runs SET phase = %s WHERE run_id = %s", (phase.value, self.run_id))

    def units(self, phase: Phase = Phase.SCAN) -> list[UnitState]:
        """Return the units of a phase, in the order of their numbers."""
        return [
            UnitState(
                Unit(
                    row["unit_number"],
                    UnitKind(row["kind"]),
                    row["unit_low"],
                    row["unit_high"],
                    tuple(bytes(stream) for stream in row["streams"]),
                ),
                row["state"],
                row["attempt"],
            )
            for row in self.store.rows(
                "SELECT unit_number, kind, unit_low, unit_high, streams, state, attempt "
                "FROM reconciliation_checkpoints WHERE run_id = %s AND phase = %s ORDER BY unit_number",
                (self.run_id, phase.value),
            )
        ]

    def commit_unit(self, result: UnitResult, candidates: Sequence[NewCandidate], phase: Phase = Phase.SCAN) -> None:
        """Record what a unit saw: counts, candidates and checkpoint. Doing a unit again replaces what it left."""
        unit = result.unit

        def work(connection: Connection) -> None:
            self.fence(connection)
            connection.execute(
                "DELETE FROM reconciliation_candidates WHERE run_id = %s AND phase = %s AND unit_number = %s",
                (self.run_id, phase.value, unit.number),
            )
            connection.cursor().executemany(
                load("unit_candidate"), [self._candidate_row(new, phase, unit) for new in candidates]
            )
            counts = Jsonb(asdict(result.counts) | {"candidates": len(candidates)})
            connection.execute(
                load("unit_done"), _unit_row(self.run_id, unit) | {"phase": phase.value, "counts": counts}
            )

        self.store.transact(work)

    def _candidate_row(self, new: NewCandidate, phase: Phase, unit: Unit) -> dict[str, Any]:
        difference = new.difference
        return {
            "run": self.run_id,
            "fingerprint": new.fingerprint,
            "phase": phase.value,
            "number": unit.number,
            "key": Jsonb(new.key),
            "kind": difference.kind.value,
            "columns": list(difference.columns),
            "source_fingerprint": difference.source_fingerprint,
            "target_fingerprint": difference.target_fingerprint,
        }

    def fail_unit(self, unit: Unit, error: str, phase: Phase = Phase.SCAN) -> None:
        """Record that a unit could not be done, so that the run does not pass for a complete one."""
        self._fenced(
            "UPDATE reconciliation_checkpoints SET state = 'failed', attempt = attempt + 1, error = %s, "
            "updated_at = clock_timestamp() WHERE run_id = %s AND phase = %s AND unit_number = %s",
            (error, self.run_id, phase.value, unit.number),
        )

    def reopen_units(self, numbers: Sequence[int]) -> None:
        """Have units done again, because what they left on disk is gone."""
        self._fenced(
            "UPDATE reconciliation_checkpoints SET state = 'pending' "
            "WHERE run_id = %s AND phase = 'scan' AND unit_number = ANY(%s)",
            (self.run_id, list(numbers)),
        )

    def totals(self) -> Totals:
        """Return sums over the run's tables; the same after a resume as without one."""
        row = self.store.rows(load("totals"), {"run": self.run_id})[0]
        width = row["width"] or 0
        return Totals(
            units_total=row["total"],
            units_done=row["done"],
            units_failed=row["failed"],
            fraction=float(row["done_width"] / width) if width else 1.0,
            counts=UnitCounts(
                int(row["source_rows"]),
                int(row["target_rows"]),
                int(row["matched_rows"]),
                int(row["static_only_partitions"]),
                float(row["seconds"]),
            ),
            candidates=row["candidates"],
            confirmed=row["confirmed"],
            repaired=row["repaired"],
        )

    def failed_units(self) -> list[tuple[Unit, str]]:
        """Return units that could not be done, with the error of each."""
        errors = self.store.rows(
            "SELECT unit_number, error FROM reconciliation_checkpoints "
            "WHERE run_id = %s AND phase = 'scan' AND state = 'failed'",
            (self.run_id,),
        )
        units = {state.unit.number: state.unit for state in self.units()}
        return [(units[row["unit_number"]], row["error"] or "") for row in errors]

    def note(
        self, *, waits_by: str | None = None, lag_seconds: float | None = None, breaker: str | None = None
    ) -> None:
        """Record how the run waits, the largest lag that it saw, and why repairs stopped."""
        self._fenced(
            "UPDATE reconciliation_runs SET waits_by = coalesce(%s, waits_by), "
            "lag_seconds = greatest(%s, lag_seconds), breaker = coalesce(%s, breaker) WHERE run_id = %s",
            (waits_by, lag_seconds, breaker, self.run_id),
        )

    def add_seconds(self, seconds: float) -> None:
        """Add to the time that the run has taken over all its attempts."""
        self._fenced(
            "UPDATE reconciliation_runs SET running_seconds = running_seconds + %s WHERE run_id = %s",
            (seconds, self.run_id),
        )

    def end(
        self,
        state: RunState,
        exit_code: ExitCode,
        notes: Sequence[str],
        verified: tuple[datetime | None, datetime] | None = None,
    ) -> None:
        """Record how the run ends, and what it proved when it was clean: (from, or None for everything; through)."""
        verified_from, verified_through = verified or (None, None)
        self._fenced(
            load("run_end"),
            {
                "run": self.run_id,
                "state": state.value,
                "exit_code": int(exit_code),
                "notes": list(notes),
                "verified_from": verified_from,
                "verified_through": verified_through,
                "finished": state is RunState.FINISHED,
            },
        )

    def _fenced(self, query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> None:
        def work(connection: Connection) -> None:
            self.fence(connection)
            connection.execute(query.encode(), parameters)

        self.store.transact(work)


def _process(owner: UUID) -> dict[str, Any]:
    """This process as the owner of a run."""
    return {"owner": owner, "host": socket.gethostname(), "process": os.getpid()}


def _unit_row(run_id: UUID, unit: Unit) -> dict[str, Any]:
    return {"run": run_id, "number": unit.number, "kind": unit.kind.value, "low": unit.low, "high": unit.high}


def _wait_for_owner(connection: Connection, run_id: UUID) -> None:
    """Wait for transactions of the owner before, and keep its next one out."""
    connection.execute("SELECT 1 FROM reconciliation_runs WHERE run_id = %s FOR UPDATE", (run_id,))
