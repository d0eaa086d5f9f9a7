"""Looks at everything that a run needs, without running: logins, rights, schemas, query plans, CDC, the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reconcile import schema
from reconcile.durations import show_seconds
from reconcile.errors import ExitCode, ReconcileError, worst
from reconcile.model import TableRef, UnitKind
from reconcile.queries import load
from reconcile.schema import TablePlan
from reconcile.schema_target import table_identifier
from reconcile.settings import Settings
from reconcile.source import SourceClient
from reconcile.store import Store
from reconcile.target import TargetClient
from reconcile.tokens import unit_count
from reconcile.topic import topic_opener
from reconcile.watermark import TimeOnly, open_watermark

SMALL_TABLE_ROWS: Final = 200_000
"""Below it reading a whole table for a page of keys costs little, so the planner may do it."""


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    """Runs work, but not all that they could do."""
    PROBLEM = "problem"
    """A run would fail."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    subject: str
    """`scylla`, `postgres` or a table."""
    what: str
    verdict: Verdict
    detail: str
    exit_code: ExitCode = ExitCode.CLEAN


def check_all(settings: Settings, tables: Sequence[TableRef]) -> Iterator[Check]:
    """Yield every check; what cannot be looked at because something else failed is left out."""
    with ExitStack() as stack:
        source = stack.enter_context(SourceClient(settings.scylla))
        target = stack.enter_context(TargetClient(settings.postgres, application_name="reconcile/check"))
        connections = [
            _attempt("scylla", "connection", lambda: _source_kind(source)),
            _attempt("postgres", "connection", lambda: _postgres_version(target)),
        ]
        yield from connections
        if any(check.verdict is Verdict.PROBLEM for check in connections):
            return
        yield bookkeeping(Store(target.connection, settings.postgres.bookkeeping_schema))
        for table in tables:
            yield from check_table(settings, source, target, table)


def exit_code(checks: Sequence[Check]) -> ExitCode:
    """Return CLEAN, or what a run would end with."""
    return worst(check.exit_code for check in checks)


def check_table(settings: Settings, source: SourceClient, target: TargetClient, table: TableRef) -> Iterator[Check]:
    """Yield the checks of one table."""
    try:
        plan = schema.plan_table(source, target, table)
    except ReconcileError as error:
        yield Check(table.source, "schema", Verdict.PROBLEM, str(error), error.exit_code)
        return
    yield columns(plan)
    yield change_log(plan)
    seen = Store(target.connection, settings.postgres.bookkeeping_schema).rows(
        load("check_target"), {"table": table_identifier(table).as_string(None)}
    )[0]
    yield rights(plan, seen)
    if seen["reads"]:
        yield lookups(plan, seen["estimated_rows"], target.explain_lookup(plan))
    yield pipeline(settings, table)
    workers = settings.run.workers or 1
    units = unit_count(source.estimated_bytes(table), workers)
    detail = f"{units} units of {UnitKind.TOKENS}, settle {show_seconds(settings.settle_seconds)}"
    yield Check(table.source, "full run", Verdict.OK, detail)


def columns(plan: TablePlan) -> Check:
    """Every column has a rule, or is ignored by name."""
    parts = [f"{len(plan.key)} key and {len(plan.values)} value columns are compared"]
    if plan.ignored_columns:
        parts.append(f"ignored: {', '.join(plan.ignored_columns)}")
    if plan.target_only_columns:
        parts.append(f"only in PostgreSQL: {', '.join(plan.target_only_columns)}")
    warn = plan.ignored_columns or plan.target_only_columns
    return Check(plan.ref.source, "schema", Verdict.WARNING if warn else Verdict.OK, "; ".join(parts))


def change_log(plan: TablePlan) -> Check:
    """Incremental runs need the CDC log."""
    if not plan.cdc_enabled:
        detail = "CDC is off: incremental runs are not possible, and causes cannot be told"
        return Check(plan.ref.source, "CDC log", Verdict.WARNING, detail)
    reach = show_seconds(plan.cdc_ttl_seconds) if plan.cdc_ttl_seconds else "for ever"
    return Check(plan.ref.source, "CDC log", Verdict.OK, f"changes are kept {reach}; --since can reach back so far")


def rights(plan: TablePlan, seen: dict[str, Any]) -> Check:
    """What the login may do in PostgreSQL."""
    target = plan.ref.target
    if not seen["reads"]:
        detail = f"the login may not read {target}; run GRANT SELECT ON {target} TO <login>"
        return Check(plan.ref.source, "rights", Verdict.PROBLEM, detail, ExitCode.CONFIG)
    if not seen["repairs"]:
        detail = f"the login may read {target} but not repair it: it lacks INSERT or UPDATE"
        return Check(plan.ref.source, "rights", Verdict.WARNING, detail)
    return Check(plan.ref.source, "rights", Verdict.OK, "may read and repair")


def lookups(plan: TablePlan, estimated_rows: int, explained: str) -> Check:
    """PostgreSQL must find a page of keys by an index: reading the whole table for each page never ends."""
    if "Seq Scan" in explained and estimated_rows > SMALL_TABLE_ROWS:
        detail = f"PostgreSQL would read all of {plan.ref.target} for each page of keys; run ANALYZE {plan.ref.target}"
        return Check(plan.ref.source, "query plan", Verdict.PROBLEM, detail, ExitCode.CONFIG)
    size = f"about {estimated_rows:,} rows" if estimated_rows >= 0 else "never analysed"
    return Check(plan.ref.source, "query plan", Verdict.OK, f"pages of keys are found by index; {size}")


def pipeline(settings: Settings, table: TableRef) -> Check:
    """How a run tells a difference from a change on its way."""

    def lag() -> Check:
        with closing(open_watermark(settings.pipeline, table, topic_opener(settings.pipeline))) as watermark:
            if isinstance(watermark, TimeOnly):
                detail = "not known: runs wait by time only (set pipeline.* and the table's topic)"
                return Check(table.source, "pipeline", Verdict.WARNING, detail)
            seconds = watermark.lag_seconds()
        if seconds is None:
            detail = "Kafka Connect or Kafka does not tell how far it is; runs wait until it does"
            return Check(table.source, "pipeline", Verdict.WARNING, detail)
        return Check(table.source, "pipeline", Verdict.OK, f"lag {show_seconds(seconds)}")

    try:
        return lag()
    except ReconcileError as error:
        return Check(table.source, "pipeline", Verdict.PROBLEM, str(error), error.exit_code)


def bookkeeping(store: Store) -> Check:
    """The bookkeeping tables are there, or the first run can make them."""
    seen = store.rows(load("check_bookkeeping"), {"schema": store.schema})[0]
    if seen["there"]:
        return Check("postgres", "bookkeeping", Verdict.OK, f"tables are in schema {store.schema}")
    if seen["can_be_made"]:
        return Check("postgres", "bookkeeping", Verdict.OK, f"the first run makes its tables in schema {store.schema}")
    detail = f"let an administrator run: CREATE SCHEMA {store.schema} AUTHORIZATION <login of reconcile>"
    return Check("postgres", "bookkeeping", Verdict.PROBLEM, detail, ExitCode.CONFIG)


def _attempt(subject: str, what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(subject, what, Verdict.OK, look())
    except ReconcileError as error:
        return Check(subject, what, Verdict.PROBLEM, str(error), error.exit_code)


def _source_kind(source: SourceClient) -> str:
    return "ScyllaDB" if source.is_scylla else "speaks CQL, but is not ScyllaDB"


def _postgres_version(target: TargetClient) -> str:
    row = target.connection.execute("SHOW server_version").fetchone()
    target.connection.rollback()
    return f"PostgreSQL {row[0]}" if row else "PostgreSQL"
