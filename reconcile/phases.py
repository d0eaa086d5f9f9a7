"""The parts of a run, one after the other. Each can be interrupted anywhere and is then gone through again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Final

from reconcile import breaker, tracing
from reconcile.candidates import CandidateBook
from reconcile.cause import CauseContext, tag_all
from reconcile.confirm import Confirmation, Options, Tools, recheck
from reconcile.control import Control, LimitReachedError
from reconcile.executor import Executor
from reconcile.extra import search_extra
from reconcile.finding_text import describe, newest_writes, to_finding
from reconcile.full import find_extra
from reconcile.model import Cause, Difference, Key, Kind, Mode, Strategy
from reconcile.records import NewFinding, Phase
from reconcile.repair import REPAIRED_KINDS, Repairer, RepairOptions, Step
from reconcile.repair_book import RepairBook
from reconcile.request import Limits, Progress
from reconcile.scan import Scan, TooManyCandidatesError
from reconcile.session import Session
from reconcile.spool import Spool
from reconcile.summary import differences
from reconcile.target import TargetClient
from reconcile.watermark import Watermark

OpenExecutor = Callable[[Session], Executor]

_PROGRESS_SECONDS: Final = 1.0
_LAG_SECONDS: Final = 10.0
"""How often the pipeline's lag is asked for."""
_RATE_SAMPLES: Final = 60
_STABLE_LOOKS_BY_TIME: Final = 3
"""Without a view of the pipeline a difference has to stand for longer."""
_SHARE_OF_CONFIDENCE: Final = 0.5
"""Of the connector's confidence window that a repair may take from its read of ScyllaDB to its commit."""


class Phases:
    """Takes a run from its first unit to its last repair."""

    def __init__(self, session: Session, watermark: Watermark, open_executor: OpenExecutor) -> None:
        self._session = session
        self._watermark = watermark
        self._open_executor = open_executor
        self._journal = session.journal
        self._control = session.control
        self._run = session.store.run(session.journal.run_id)
        self._candidates = CandidateBook(session.journal)
        pipeline, limits = session.connections.pipeline, session.request.limits
        windows_seconds = (pipeline.window_size_ms + pipeline.confidence_window_ms) / 1000
        self._causes = CauseContext(lag_seconds=windows_seconds + limits.settle_seconds, step=self._confirming)
        self._lag_seconds: float | None = None
        self._lag_asked = self._told = float("-inf")
        self._rates: deque[tuple[float, int]] = deque(maxlen=_RATE_SAMPLES)
        self.stopped: list[str] = []
        """Why the run is not complete, where a limit or the breaker stopped a part of it."""

    def run(self) -> None:
        """Go through the phases.

        Raises:
            LimitReachedError, InterruptedRunError: the run stops here and can be resumed.
        """
        self._journal.note(waits_by=self._watermark.waits_by)
        try:
            self._scan()
            self._extra()
        except TooManyCandidatesError as error:
            self.stopped.append(str(error))
        self._session.check_schema()
        with tracing.span("confirm", table=self._journal.table):
            self._confirm()
        self._repair()

    def _scan(self) -> None:
        self._journal.set_phase(Phase.SCAN)
        if self._extra_is_done() and all(unit.state == "done" for unit in self._journal.units()):
            return
        with closing(self._open_executor(self._session)) as executor:
            Scan(
                self._journal,
                self._session.plan,
                executor,
                self._control,
                self._spool() if self._looks_for_extra() else None,
                self._session.request.limits.max_candidates,
                self._between_units,
                self._session.events.message,
            ).run()

    def _looks_for_extra(self) -> bool:
        return self._run.mode is Mode.FULL and self._run.strategy is Strategy.LOOKUP

    def _extra_is_done(self) -> bool:
        return not self._looks_for_extra() or any(s.state == "done" for s in self._journal.units(Phase.EXTRA))

    def _spool(self) -> Spool:
        return Spool(self._session.request.spool_directory, str(self._journal.run_id))

    def _extra(self) -> None:
        if not self._extra_is_done():
            self._search_extra()
        if self._looks_for_extra() and not self._journal.failed_units():
            self._spool().remove()

    def _search_extra(self) -> None:
        self._journal.set_phase(Phase.EXTRA)
        session, spool = self._session, self._spool()
        with TargetClient(session.connections.target, application_name="reconcile/extra") as target:
            search_extra(
                self._journal,
                session.plan,
                find_extra(target, session.plan, spool.path),
                session.look,
                self._control,
                lambda: self.progress("extra"),
                session.request.limits.max_candidates,
            )

    def _confirm(self) -> None:
        self._journal.set_phase(Phase.CONFIRM)
        session, limits = self._session, self._session.request.limits
        by_time = self._watermark.waits_by == "time"
        options = Options(
            limits.settle_seconds, limits.max_wait_seconds, _STABLE_LOOKS_BY_TIME if by_time else Options.stable_looks
        )
        tools = Tools(
            look=session.look,
            tag=self._tag,
            describe=lambda rows: describe(session.source, session.plan, rows),
            newest_writes=lambda keys: newest_writes(session.source, session.plan, keys),
            watermark=self._watermark,
            control=self._control,
            found=self._found,
            tell=session.events.message,
            progress=self.progress,
        )
        Confirmation(self._candidates, session.plan, tools, options).run()
        recheck(self._candidates, session.plan, session.look, self._control)

    def _tag(self, found: Sequence[Difference]) -> Sequence[Cause]:
        session = self._session
        with TargetClient(session.connections.target, application_name="reconcile/cause") as target:
            return tag_all(session.source, target, session.plan, found, self._causes)

    def _confirming(self) -> None:
        self._control.check()
        self.progress("confirm")

    def _found(self, finding: NewFinding) -> None:
        self._session.events.finding(to_finding(self._journal, finding))

    def _repair(self) -> None:
        session, request = self._session, self._session.request
        book = RepairBook(self._journal)
        kinds = REPAIRED_KINDS[request.repair]
        confirmed = differences(session.store.findings(self._journal.run_id))
        compared = self._journal.totals().counts.source_rows
        reason = self._stopped_before() or breaker.trips(confirmed, kinds, compared, request.limits)
        if reason and kinds:
            self._journal.note(breaker=reason)
            self.stopped.append(reason)
            session.events.message(f"nothing is repaired: {reason}")
            kinds = ()
        if not kinds and not book.unverified():
            return
        self._journal.set_phase(Phase.REPAIR)
        self._wait_for_pipeline()
        repair(session, book, kinds, dry_run=request.dry_run, progress=lambda: self.progress("repair"))

    def _stopped_before(self) -> str | None:
        return self.stopped[0] if self.stopped else None

    def _between_units(self) -> None:
        self.progress("scan")
        self._wait_for_pipeline()

    def _wait_for_pipeline(self) -> None:
        session = self._session
        wait_for_pipeline(
            self._lag, session.request.limits, self._control, session.events.message, lambda: self.progress("settle")
        )

    def _lag(self) -> float | None:
        if time.monotonic() - self._lag_asked >= _LAG_SECONDS:
            self._lag_asked = time.monotonic()
            self._lag_seconds = self._watermark.lag_seconds()
            if self._lag_seconds is not None:
                self._journal.note(lag_seconds=self._lag_seconds)
        return self._lag_seconds

    def progress(self, phase: str) -> None:
        """Tell how far the run is, at most once a second."""
        now = time.monotonic()
        if now - self._told < _PROGRESS_SECONDS:
            return
        self._told = now
        totals = self._journal.totals()
        self._rates.append((now, totals.counts.source_rows))
        self._session.events.progress(
            Progress(
                table=self._journal.table,
                run_id=str(self._journal.run_id),
                phase=phase,  # type: ignore[arg-type] # one of the names in this file
                units_total=totals.units_total,
                units_done=totals.units_done,
                units_failed=totals.units_failed,
                fraction=totals.fraction,
                source_rows=totals.counts.source_rows,
                rows_per_second=self._rate(),
                candidates=totals.candidates,
                confirmed=totals.confirmed,
                repaired=totals.repaired,
                lag_seconds=self._lag_seconds,
            )
        )

    def _rate(self) -> float:
        (began, first), (now, last) = self._rates[0], self._rates[-1]
        return (last - first) / (now - began) if now > began else 0.0


def wait_for_pipeline(
    lag_seconds: Callable[[], float | None],
    limits: Limits,
    control: Control,
    tell: Callable[[str], None],
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Wait while the pipeline is far behind: what differs then is on its way.

    Raises:
        LimitReachedError: it does not catch up.
    """
    most, told = limits.max_lag_seconds, False
    give_up = datetime.now(UTC) + timedelta(seconds=limits.max_wait_seconds)
    while (lag := lag_seconds()) is not None and lag > most:
        if not told:
            tell(f"waiting: the pipeline is {lag:.0f} s behind, more than {most:g} s")
            told = True
        if datetime.now(UTC) > give_up:
            raise LimitReachedError(
                f"the pipeline is still {lag:.0f} s behind, more than --max-lag {most:g} s; see whether the connectors "
                "run, then go on with --resume"
            )
        progress()
        control.sleep(_PROGRESS_SECONDS)


def repair(
    session: Session,
    book: RepairBook,
    kinds: Sequence[Kind],
    *,
    dry_run: bool,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Repair open findings of a run, and verify what an earlier attempt left unverified."""

    def observe(step: Step, _keys: Sequence[Key]) -> None:
        if step is not Step.WRITTEN:  # then the connection is in the transaction of the write
            progress()

    confidence_seconds = session.connections.pipeline.confidence_window_ms / 1000
    options = RepairOptions(tuple(kinds), _SHARE_OF_CONFIDENCE * confidence_seconds, dry_run=dry_run)
    with tracing.span("repair", table=session.journal.table, dry_run=dry_run):
        Repairer(book, session.plan, session.source, session.target, options, session.control, observe).run()
