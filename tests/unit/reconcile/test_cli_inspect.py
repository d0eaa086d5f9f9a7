"""The commands that look: check, status, show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconcile.check import Check, Verdict, change_log, columns, lookups, rights
from reconcile.cli import app
from reconcile.errors import ConfigError, ExitCode, UnreachableError
from reconcile.model import Cause, Kind, State, TableRef
from reconcile.records import Action, LogRecord, Outcome, RepairRecord, RunState
from reconcile.schema import TablePlan
from tests.unit.reconcile.fake_store import NOW, RUN, FakeStore, run_record
from tests.unit.reconcile.runs import SUMMARY, config_file

FINDING = LogRecord(
    log_id=7,
    run_id=RUN.run_id,
    table_name="shop.users",
    kind=Kind.MISMATCH,
    cause=Cause.STALE_UPDATE,
    state=State.OPEN,
    pk={"id": "k"},
    pk_fingerprint=b"f",
    differing_columns=("email",),
    diff=[{"name": "email", "source": "new", "target": None, "rule": "text", "writetime_us": None}],
    source_fingerprint=b"\1",
    target_fingerprint=b"\2",
    target_xmin="1",
    first_seen=NOW,
    confirmed_at=NOW,
    checks=3,
    changes=0,
    updated_at=NOW,
)
REPAIR = RepairRecord(
    repair_id=1,
    log_id=7,
    run_id=RUN.run_id,
    table_name="shop.users",
    attempt=1,
    action=Action.UPDATE,
    outcome=Outcome.APPLIED,
    columns=tuple(f"c{n}" for n in range(1000)),
    before={"secret": "value"},
    after={},
    source_fingerprint=b"",
    seen_xmin="1",
    xid="2",
    detail=None,
    undoes=None,
    repaired_at=NOW,
    verified_at=NOW,
)
PLAN = TablePlan(TableRef("shop.users", "public.users"), (), (), (), cdc_enabled=True, cdc_ttl_seconds=86_400)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    fake = FakeStore()
    monkeypatch.setattr("reconcile.serve.bookkeeping", lambda _settings: lambda: fake)
    monkeypatch.setattr("reconcile.summary.summarise", lambda _store, _run: SUMMARY)
    monkeypatch.setenv("RECONCILE_CONFIG", str(config_file(tmp_path)))
    return fake


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"})


def test_status_shows_every_configured_table_also_one_that_never_ran(store: FakeStore) -> None:
    ended = datetime.now(UTC) - timedelta(hours=3)
    store.records = [replace(RUN, ended_at=ended, exit_code=1)]
    store.open = {("shop.users", "missing", "unknown"): 2, ("shop.users", "missing", "pre_cdc"): 3}
    store.verified = {"shop.users": ended}

    result = invoke("status")

    users, orders = (line for line in result.stdout.splitlines() if line.startswith("shop."))
    assert users.split("  ")[0] == "shop.users"
    assert "full, ended 3h00m ago: differences are open" in users
    assert "5 missing" in users
    assert "3h00m ago" in users
    assert orders.split() == ["shop.orders", "never", "none", "never"]
    assert str(RUN.run_id) in result.stdout


def test_status_of_a_run_in_progress_names_its_phase(store: FakeStore) -> None:
    store.records = [run_record(state=RunState.RUNNING, ended_at=None, exit_code=None)]

    assert "full, running in phase done since" in invoke("status", "--table", "shop.users").stdout


def test_status_as_json_has_a_version(store: FakeStore) -> None:
    store.records = [RUN, run_record(table_name="other.table")]

    document = json.loads(invoke("status", "--format", "json").stdout)

    assert document["schema_version"] == 1
    assert [table["table"] for table in document["tables"]] == ["shop.users", "shop.orders"]
    assert document["tables"][0]["last_run"]["state"] == "finished"
    assert document["tables"][1]["last_run"] is None
    assert [run["table"] for run in document["runs"]] == ["shop.users"]


def test_show_repeats_the_summary_and_lists_what_stands(store: FakeStore) -> None:
    store.found = [FINDING, replace(FINDING, log_id=8, pk={"id": "old"}, state=State.RESOLVED)]
    store.written = [REPAIR]

    text = invoke("show", str(RUN.run_id)).stdout
    everything = invoke("show", str(RUN.run_id), "--all").stdout

    assert "shop.users: differences are open" in text
    assert "id=k" in text
    assert "id=old" not in text
    assert "id=old" in everything
    assert "applied" in text
    assert "and 992 more" in text
    assert max(len(line) for line in text.splitlines()) < 200


def test_show_cuts_long_lists_unless_told_otherwise(store: FakeStore) -> None:
    store.found = [FINDING] * 30

    assert "... and 25 more: --limit 0" in invoke("show", str(RUN.run_id), "--limit", "5").stdout
    assert "more:" not in invoke("show", str(RUN.run_id), "--limit", "0").stdout


def test_show_as_json_holds_findings_and_repairs_without_images_of_rows(store: FakeStore) -> None:
    store.found, store.written = [FINDING], [REPAIR]

    document = json.loads(invoke("show", str(RUN.run_id), "--format", "json").stdout)
    lines = [json.loads(line) for line in invoke("show", str(RUN.run_id), "--format", "jsonl").stdout.splitlines()]

    assert document["findings"][0]["columns"][0]["scylla"] == "new"
    assert document["written"][0]["outcome"] == "applied"
    assert "before" not in document["written"][0]
    assert [line["type"] for line in lines] == ["finding", "repair", "summary"]


def checks(*found: Check) -> Any:
    def run(_settings: Any, _tables: Any) -> Iterator[Check]:
        yield from found

    return run


GOOD = Check("scylla", "connection", Verdict.OK, "ScyllaDB")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([GOOD], 0),
        ([GOOD, Check("shop.users", "CDC log", Verdict.WARNING, "off")], 0),
        ([GOOD, Check("shop.users", "schema", Verdict.PROBLEM, "no rule", ExitCode.CONFIG)], 2),
        ([Check("postgres", "connection", Verdict.PROBLEM, "down", ExitCode.UNREACHABLE)], 4),
    ],
)
def test_check_ends_as_a_run_would(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, found: list[Check], code: int
) -> None:
    monkeypatch.setattr("reconcile.check.check_all", checks(*found))

    text, document = invoke("check"), invoke("check", "--format", "json")

    assert (text.exit_code, document.exit_code) == (code, code)
    assert len(text.stdout.splitlines()) == len(found)
    assert [each["verdict"] for each in json.loads(document.stdout)["checks"]] == [each.verdict for each in found]
    assert store.closed == 0


def test_an_error_ends_with_its_code_and_its_words(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: Any) -> Any:
        raise UnreachableError("PostgreSQL at [db]:5432 does not answer")

    monkeypatch.setattr("reconcile.serve.bookkeeping", unreachable)

    result = invoke("status")

    assert result.exit_code == 4
    assert "PostgreSQL at [db]:5432 does not answer" in result.stderr
    assert store.closed == 0


def test_ignored_and_unknown_columns_are_warned_of() -> None:
    assert columns(PLAN).verdict is Verdict.OK
    found = columns(replace(PLAN, ignored_columns=("seen",), target_only_columns=("note",)))

    assert found.verdict is Verdict.WARNING
    assert "ignored: seen" in found.detail
    assert "only in PostgreSQL: note" in found.detail


@pytest.mark.parametrize(
    ("enabled", "ttl", "verdict", "said"),
    [
        (True, 86_400, Verdict.OK, "kept 24h00m"),
        (True, 0, Verdict.OK, "kept for ever"),
        (False, 0, Verdict.WARNING, "CDC is off"),
    ],
)
def test_the_reach_of_the_log_is_told(enabled: bool, ttl: int, verdict: Verdict, said: str) -> None:
    found = change_log(replace(PLAN, cdc_enabled=enabled, cdc_ttl_seconds=ttl))

    assert found.verdict is verdict
    assert said in found.detail


@pytest.mark.parametrize(
    ("seen", "verdict", "code"),
    [
        ({"reads": True, "repairs": True}, Verdict.OK, 0),
        ({"reads": True, "repairs": False}, Verdict.WARNING, 0),
        ({"reads": False, "repairs": False}, Verdict.PROBLEM, 2),
    ],
)
def test_missing_rights_are_told_apart(seen: dict[str, bool], verdict: Verdict, code: int) -> None:
    found = rights(PLAN, seen)

    assert (found.verdict, found.exit_code) == (verdict, code)


def test_a_plan_that_reads_a_large_table_for_each_page_is_a_problem() -> None:
    assert lookups(PLAN, 1_000_000, "Index Scan using users_pkey").verdict is Verdict.OK
    assert lookups(PLAN, 1_000, "Seq Scan on users").verdict is Verdict.OK
    assert lookups(PLAN, -1, "Seq Scan on users").verdict is Verdict.OK
    bad = lookups(PLAN, 1_000_000, "Hash Join\n  ->  Seq Scan on users")
    assert (bad.verdict, bad.exit_code) == (Verdict.PROBLEM, ExitCode.CONFIG)
    assert "ANALYZE public.users" in bad.detail


def test_an_unknown_run_is_an_error(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_store: Any, run: str) -> Any:
        raise ConfigError(f"there is no run {run}")

    monkeypatch.setattr("reconcile.summary.summarise", unknown)

    assert invoke("show", "12").exit_code == 2
    assert store.closed == 1
