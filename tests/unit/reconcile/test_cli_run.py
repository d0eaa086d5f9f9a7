"""`reconcile run`: options in, exit code and output out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconcile.cli import app
from reconcile.coverage import OVERLAP
from reconcile.errors import (
    AlreadyRunningError,
    ConfigError,
    ExitCode,
    InterruptedRunError,
    UnreachableError,
)
from reconcile.model import Kind, Mode, RepairPolicy, Strategy
from tests.unit.reconcile.fake_store import FakeStore, run_record
from tests.unit.reconcile.runs import FINDING, FakeRuns, config_file


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRuns:
    fake = FakeRuns()
    monkeypatch.setattr("reconcile.run.reconcile_table", fake)
    monkeypatch.setenv("RECONCILE_CONFIG", str(config_file(tmp_path)))
    return fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments])


def test_without_options_all_tables_are_compared_in_full_and_nothing_is_repaired(runs: FakeRuns) -> None:
    assert run().exit_code == 0

    assert [request.table.source for request in runs.requests] == ["shop.users", "shop.orders"]
    first = runs.requests[0]
    assert (first.mode, first.repair, first.dry_run, first.resume) == (Mode.FULL, RepairPolicy.NONE, False, None)
    assert (first.page_rows, first.strategy, first.executor) == (10_000, Strategy.LOOKUP, "process")
    assert first.since is None
    assert first.limits.settle_seconds == 120
    assert runs.connections[0].target.host == "postgres"


def test_every_option_reaches_the_request(runs: FakeRuns) -> None:
    result = run(
        *("--table", "shop.orders", "--mode", "incremental", "--since", "2025-12-08", "--until", "2025-12-09T06:00Z"),
        *("--repair", "all", "--dry-run", "--strategy", "merge", "--page-size", "500", "--ignore-columns", "a,b"),
        *("--fail-on", "missing,extra", "--workers", "3", "--executor", "dask", "--scheduler", "tcp://dask:8786"),
        *("--max-rows-per-second", "5000", "--max-lag", "30s", "--settle", "1m", "--max-repairs", "7"),
        *("--max-repair-ratio", "0.5", "--max-runtime", "3h", "--pause-file", "/tmp/pause"),
    )

    assert result.exit_code == 0, result.output
    (request,) = runs.requests
    assert request.table.source == "shop.orders"
    assert request.table.ignore_columns == ("a", "b")
    assert request.mode is Mode.INCREMENTAL
    assert (request.since, request.until) == (
        datetime(2025, 12, 8, tzinfo=UTC),
        datetime(2025, 12, 9, 6, 0, tzinfo=UTC),
    )
    assert (request.repair, request.dry_run, request.strategy) == (RepairPolicy.ALL, True, Strategy.MERGE)
    assert (request.page_rows, request.workers, request.executor) == (500, 3, "dask")
    assert request.scheduler == "tcp://dask:8786"
    assert request.fail_on == {Kind.MISSING, Kind.EXTRA}
    limits = request.limits
    assert (limits.max_rows_per_second, limits.max_lag_seconds, limits.settle_seconds) == (5000, 30, 60)
    assert (limits.max_repairs, limits.max_repair_ratio, limits.max_runtime_seconds) == (7, 0.5, 10_800)
    assert limits.pause_file == Path("/tmp/pause")


def test_since_alone_means_an_incremental_run(runs: FakeRuns) -> None:
    assert run("--table", "shop.users", "--since", "24h").exit_code == 0

    (request,) = runs.requests
    assert request.mode is Mode.INCREMENTAL
    assert request.since is not None
    assert abs(datetime.now(UTC) - timedelta(hours=24) - request.since) < timedelta(minutes=1)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    fake = FakeStore()
    monkeypatch.setattr("reconcile.serve.bookkeeping", lambda _settings: lambda: fake)
    return fake


def test_an_incremental_run_begins_where_the_last_complete_one_ended(runs: FakeRuns, store: FakeStore) -> None:
    ended = datetime.now(UTC) - timedelta(days=3)
    store.records = [run_record(started_at=ended)]

    assert run("--table", "shop.users", "--mode", "incremental").exit_code == 0
    assert runs.requests[0].since == ended - OVERLAP


def test_the_first_scheduled_run_compares_everything(runs: FakeRuns, store: FakeStore) -> None:
    assert run("--mode", "incremental", "--fallback", "full").exit_code == 0

    assert [request.mode for request in runs.requests] == [Mode.FULL, Mode.FULL]
    assert store.closed == 2


@pytest.mark.usefixtures("store")
def test_an_incremental_run_without_a_run_before_looks_back_as_far_as_the_schedule(runs: FakeRuns) -> None:
    assert run("--table", "shop.users", "--mode", "incremental").exit_code == 0

    since = runs.requests[0].since
    assert since is not None
    assert abs(datetime.now(UTC) - timedelta(hours=26) - since) < timedelta(minutes=1)


def test_the_file_sets_defaults_and_the_command_line_wins(runs: FakeRuns, tmp_path: Path) -> None:
    path = config_file(tmp_path, run={"repair": "missing", "max_repairs": 5, "workers": 2})

    assert run("--config", str(path), "--table", "shop.users", "--max-repairs", "9").exit_code == 0

    (request,) = runs.requests
    assert (request.repair, request.limits.max_repairs, request.workers) == (RepairPolicy.MISSING, 9, 2)
    assert request.table.ignore_columns == ("seen",)


@pytest.mark.parametrize(
    ("arguments", "resume"),
    [
        (["--resume"], "last"),
        (["--resume", "--format", "json"], "last"),
        (["--resume", "4f1c"], "4f1c"),
        (["--resume=4f1c"], "4f1c"),
    ],
)
def test_resume_takes_the_last_run_unless_one_is_named(runs: FakeRuns, arguments: list[str], resume: str) -> None:
    assert run("--table", "shop.users", *arguments).exit_code == 0

    assert runs.requests[0].resume == resume


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mode", "full", "--since", "24h"], "belong to incremental runs"),
        (["--since", "1h", "--until", "2h"], "is not before"),
        (["--since", "24"], "is not a time"),
        (["--settle", "soon"], "is not a duration"),
        (["--fail-on", "everything"], "write none, or some of"),
        (["--page-size", "0"], "page-size"),
        (["--table", "shop.user"], "shop.users, shop.orders"),
        (["--executor", "dask"], "needs --scheduler"),
        (["--resume", "4f1c"], "name its table"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
        (["--output", "/nowhere/x.json"], "cannot be written"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_ends_with_2_and_starts_nothing(runs: FakeRuns, arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())
    assert runs.requests == []


ENDINGS: list[tuple[ExitCode | BaseException, ExitCode | BaseException, int]] = [
    (ExitCode.CLEAN, ExitCode.CLEAN, 0),
    (ExitCode.DIFFERENCES, ExitCode.CLEAN, 1),
    (ExitCode.INCOMPLETE, ExitCode.DIFFERENCES, 3),
    (AlreadyRunningError("run 77 holds shop.users"), ExitCode.INCOMPLETE, 5),
    (AlreadyRunningError("x"), ConfigError("shop.orders: column x has no rule"), 2),
    (ConfigError("x"), UnreachableError("PostgreSQL"), 4),
]


@pytest.mark.parametrize(("first", "second", "code"), ENDINGS)
def test_the_worst_table_decides_the_exit_code_and_none_is_left_out(
    runs: FakeRuns, first: ExitCode | BaseException, second: ExitCode | BaseException, code: int
) -> None:
    runs.endings = {"shop.users": first, "shop.orders": second}

    assert run().exit_code == code
    assert len(runs.requests) == 2


@pytest.mark.parametrize("ending", [ExitCode.INTERRUPTED, InterruptedRunError("stopped"), KeyboardInterrupt()])
def test_a_signal_ends_the_batch_with_130(runs: FakeRuns, ending: ExitCode | BaseException) -> None:
    runs.endings = {"shop.users": ending}

    result = run()

    assert result.exit_code == 130
    assert len(runs.requests) == 1


def test_text_shows_findings_then_the_summary(runs: FakeRuns) -> None:
    runs.findings = [FINDING]
    runs.endings = {"shop.users": ExitCode.DIFFERENCES}

    result = run("--table", "shop.users")

    finding, summary = result.stdout.split("\n", 1)
    assert finding.startswith("mismatch    shop.users id=k")
    assert "stale_update" in finding
    assert summary.startswith("shop.users: differences are open")
    assert "next         reconcile show 4f1c" in summary


def test_text_does_not_print_thousands_of_findings(runs: FakeRuns) -> None:
    runs.findings = [FINDING] * 1000

    result = run("--table", "shop.users")

    assert result.stdout.count("mismatch ") == 20
    assert "... more: reconcile show 4f1c" in result.stdout


def test_json_is_one_document_with_a_version(runs: FakeRuns) -> None:
    runs.endings = {"shop.orders": UnreachableError("ScyllaDB at scylla:9042 does not answer")}

    result = run("--format", "json")

    document: dict[str, Any] = json.loads(result.stdout)
    assert document["schema_version"] == 1
    assert document["exit_code"] == 4
    good, bad = document["runs"]
    assert (good["table"], good["exit_code"], good["rows"]["source"]) == ("shop.users", 0, 900)
    assert (bad["type"], bad["exit_code"]) == ("error", 4)
    assert "scylla:9042" in bad["error"]


def test_jsonl_prints_each_finding_and_each_summary_on_a_line(runs: FakeRuns) -> None:
    runs.findings = [FINDING, FINDING]

    result = run("--format", "jsonl")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["finding", "finding", "summary"] * 2
    assert lines[0]["columns"][0] == {
        "name": "email",
        "scylla": "new@example.com",
        "pg": None,
        "rule": "text",
        "writetime_us": 1_700_000_000_000_000,
    }


def test_output_and_sql_go_to_files(runs: FakeRuns, tmp_path: Path) -> None:
    runs.findings = [FINDING]

    result = run("--format", "json", "--output", str(tmp_path / "o.json"), "--emit-sql", str(tmp_path / "o.sql"))

    assert result.stdout == ""
    assert json.loads((tmp_path / "o.json").read_text())["exit_code"] == 0
    assert (tmp_path / "o.sql").read_text().splitlines()[0].startswith("-- mismatch")


def test_an_error_of_the_package_never_shows_a_traceback(runs: FakeRuns) -> None:
    runs.endings = {"shop.users": UnreachableError("PostgreSQL at db:5432 does not answer")}

    result = run("--table", "shop.users")

    assert "db:5432 does not answer" in result.output
    assert "Traceback" not in result.output
