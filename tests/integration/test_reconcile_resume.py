"""Runs that are killed or told to stop in each of their phases, and go on: as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import yaml
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from reconcile.store import Store
from tests.support.pipeline import PROJECT, Pipeline
from tests.support.reconcile_cli import Ended, ReconcileCli
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

NAME: Final = "resume_check"
"""Keyspace, schema of the target, and schema of reconcile's tables."""
TABLE: Final = f"{NAME}.rows"
ROWS: Final = 3_000
PARTITION_ROWS: Final = 10
MISSING: Final = 300
MISMATCHED: Final = 300
EXTRA: Final = 20
BARRIERS: Final = ("scan", "extra", "between", "settle", "confirm", "repair", "verify", "finish")
"""Triggers in reconcile_barriers.sql. Findings are confirmed and repaired 500 at a time, so that `confirm` and `repair`
have one batch behind them, and `verify` has written rows that were not read again."""
BARRIERS_OF_STEPS: Final = ("scan", "extra", "settle", "confirm", "verify")
"""Those behind which the run asks whether it has to stop."""
OPTIONS: Final = (
    "--repair",
    "all",
    "--max-repair-ratio",
    "1",
    "--settle",
    "1s",
    "--workers",
    "2",
    "--page-size",
    "100",
)
TOTALS: Final = ("units", "rows", "found", "open", "by_column", "by_cause", "repairs", "exit_code")

Key = tuple[int, int]


def key_of(number: int) -> Key:
    return divmod(number, PARTITION_ROWS)


@dataclass
class Table:
    """A table on both sides that no connector knows, and the command on it."""

    cli: ReconcileCli
    session: Session
    connection: psycopg.Connection[Any]

    def fill(self) -> None:
        """Write the same rows into both databases."""
        rows = [(*key_of(number), f"label {number}", number) for number in range(ROWS)]
        insert = self.session.prepare(f"INSERT INTO {TABLE} (part, id, label, number) VALUES (?, ?, ?, ?)")
        execute_concurrent_with_args(self.session, insert, rows, raise_on_first_error=True)
        with self.connection.cursor().copy(f"COPY {TABLE} (part, id, label, number) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def spoil(self) -> None:
        """Make the same differences as always, and forget all runs."""
        self.connection.execute(f"TRUNCATE {NAME}.reconciliation_runs CASCADE")
        self.connection.execute(f"DELETE FROM {TABLE} WHERE part < 0 OR part * 10 + id < %s", (MISSING + MISMATCHED,))
        spoiled = [
            (*key_of(number), "other" if number % 2 else f"label {number}", number if number % 2 else -1)
            for number in range(MISSING, MISSING + MISMATCHED)
        ]
        extra = [(-1, number, "extra", number) for number in range(EXTRA)]
        self.connection.cursor().executemany(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s)", [*spoiled, *extra])
        self.connection.execute(f"TRUNCATE {NAME}.writes")

    @contextmanager
    def stopped_at(self, barrier: str, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A run that waits at a barrier, which opens when the block ends."""
        self.connection.execute(f"INSERT INTO {NAME}.barriers VALUES (%s)", (barrier,))
        self.connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (NAME,))
        process = self.cli.start(*OPTIONS, *options, table=TABLE)
        try:
            wait_until(f"the run is at barrier {barrier}", lambda: self._at_barrier(process), 300)
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            self.connection.execute(f"DELETE FROM {NAME}.barriers")
            self.connection.execute("SELECT pg_advisory_unlock_all()")

    def _at_barrier(self, process: subprocess.Popen[str]) -> bool:
        if process.poll() is not None:
            pytest.fail(f"the run has ended with {process.returncode}: {process.communicate()}")
        return self.holders(NAME, "NOT granted") > 0

    def holders(self, name: str, condition: str = "pid <> pg_backend_pid()") -> int:
        """Sessions that hold an advisory lock, or wait for it."""
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
            f"AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0) AND {condition}"
        )
        row = self.connection.execute(query.encode(), (name,)).fetchone()
        assert row is not None
        return int(row[0])

    def wait_released(self) -> None:
        """Wait until PostgreSQL has noticed that a run is gone."""
        for name in (NAME, f"reconcile:{NAME}:{TABLE}"):
            wait_until(f"nobody holds lock {name}", lambda: not self.holders(name))  # noqa: B023 called at once

    def one(self, query: str) -> Any:
        """The only value of a query over the tables of the one run."""
        row = self.connection.execute(query.replace("$", NAME + ".")).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def table(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        session.execute(f"DROP KEYSPACE IF EXISTS {NAME}", timeout=120)
        session.execute(
            f"CREATE KEYSPACE {NAME} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}}"
        )
        columns = "part int, id int, label text, number int, PRIMARY KEY (part, id)"
        session.execute(f"CREATE TABLE {TABLE} ({columns})")
        connection.execute(f"DROP SCHEMA IF EXISTS {NAME} CASCADE")
        connection.execute(f"CREATE SCHEMA {NAME}")
        connection.execute(f"CREATE TABLE {TABLE} ({columns})")
        Store(connection, NAME).migrate()
        connection.execute((PROJECT / "tests" / "support" / "reconcile_barriers.sql").read_bytes())
        table = Table(command(pipeline, tmp_path_factory.mktemp("resume")), session, connection)
        table.fill()
        yield table
        connection.execute(f"DROP SCHEMA {NAME} CASCADE")
        session.execute(f"DROP KEYSPACE {NAME}", timeout=120)


def command(pipeline: Pipeline, folder: Path) -> ReconcileCli:
    """The command, with tables of its own: it waits by time."""
    cli = ReconcileCli(pipeline, folder, [])
    config = yaml.safe_load(cli.config.read_text())
    config["postgres"]["bookkeeping_schema"] = NAME
    config["pipeline"] = {"window_size_ms": 1_000, "confidence_window_ms": 60_000}
    config["tables"] = [{"source": TABLE, "target": TABLE}]
    cli.config.write_text(yaml.safe_dump(config))
    return cli


@pytest.fixture(scope="module")
def undisturbed(table: Table) -> dict[str, Any]:
    """Totals of a run that nobody disturbs."""
    table.spoil()
    ended = table.cli.run(*OPTIONS, table=TABLE)

    assert ended.exit_code == 1, ended.stderr
    found = ended.summary["found"]
    assert (found["missing"], found["mismatch"], found["extra"]) == (MISSING, MISMATCHED, EXTRA)
    assert ended.summary["repairs"] == {"applied": MISSING + MISMATCHED}
    assert_done_once(table)
    return totals(ended)


def totals(ended: Ended) -> dict[str, Any]:
    return {name: ended.summary[name] for name in TOTALS}


def assert_done_once(table: Table) -> None:
    """No finding twice, no repair twice, no write to the target that is not on record."""
    findings, rows = table.one("SELECT ARRAY[count(*), count(DISTINCT pk_fingerprint)] FROM $reconciliation_log")
    assert findings == rows == MISSING + MISMATCHED + EXTRA
    repairs, repaired = table.one("SELECT ARRAY[count(*), count(DISTINCT log_id)] FROM $reconciliation_repairs")
    assert repairs == repaired == MISSING + MISMATCHED
    assert table.one("SELECT count(*) FROM $writes") == MISSING + MISMATCHED
    assert not table.one(
        "SELECT count(*) FROM $reconciliation_repairs p JOIN $reconciliation_log l USING (log_id) LEFT JOIN $rows r "
        "ON r.part = (l.pk ->> 'part')::int AND r.id = (l.pk ->> 'id')::int AND r.xmin::text = p.xid "
        "WHERE r.id IS NULL OR p.verified_at IS NULL OR p.outcome <> 'applied' OR l.state <> 'repaired'"
    )
    assert not table.one("SELECT count(*) FROM $reconciliation_candidates")


def test_a_run_that_is_killed_in_each_phase_goes_on_to_the_same_totals(
    table: Table, undisturbed: dict[str, Any]
) -> None:
    table.spoil()
    for number, barrier in enumerate(BARRIERS):
        with table.stopped_at(barrier, *(["--resume"] if number else [])) as process:
            process.kill()
            process.communicate()
        table.wait_released()

    resumed = table.cli.run(*OPTIONS, "--resume", table=TABLE)

    assert totals(resumed) == undisturbed, resumed.stderr
    assert table.one("SELECT array_agg(attempt) FROM $reconciliation_runs") == [len(BARRIERS) + 1]
    assert_done_once(table)


def test_a_run_that_is_told_to_stop_ends_with_130_and_goes_on_to_the_same_totals(
    table: Table, undisturbed: dict[str, Any]
) -> None:
    table.spoil()
    for number, barrier in enumerate(BARRIERS_OF_STEPS):
        with table.stopped_at(barrier, *(["--resume"] if number else [])) as process:
            process.send_signal(signal.SIGTERM)
        stopped = table.cli.wait(process)

        assert stopped.exit_code == 130, f"{barrier}: {stopped.stderr}"
        assert table.one("SELECT state FROM $reconciliation_runs") == "interrupted"

    resumed = table.cli.run(*OPTIONS, "--resume", table=TABLE)

    assert totals(resumed) == undisturbed, resumed.stderr
    assert_done_once(table)


def test_a_statement_that_postgresql_ends_leaves_the_run_to_be_resumed(
    table: Table, undisturbed: dict[str, Any]
) -> None:
    table.spoil()
    with table.connection.transaction():
        table.connection.execute(f"LOCK TABLE {NAME}.reconciliation_candidates IN SHARE MODE")
        refused = table.cli.run(*OPTIONS, table=TABLE)

    assert refused.exit_code == 3
    assert "canceling statement due to lock timeout" in refused.summary["error"]
    assert table.one("SELECT state FROM $reconciliation_runs") == "interrupted"

    assert totals(table.cli.run(*OPTIONS, "--resume", table=TABLE)) == undisturbed
    assert_done_once(table)


def test_a_second_run_ends_with_5_and_leaves_the_first_one_alone(table: Table, undisturbed: dict[str, Any]) -> None:
    table.spoil()
    with table.stopped_at("scan") as process:
        second = table.cli.run(*OPTIONS, table=TABLE)
    first = table.cli.wait(process)

    assert second.exit_code == 5
    assert totals(first) == undisturbed
    assert_done_once(table)
