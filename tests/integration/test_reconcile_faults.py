"""Recall and precision of reconcile on the real pipeline, while a writer changes 10 % of the rows each minute.

`make test` runs the short form; `make test-reconcile-million` the long one. Rows are loaded through the pipeline, so
the CDC log has all of them. Faults are then seeded in PostgreSQL, in rows that the writer leaves alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.support.databases import count, empty, wait_passed
from tests.support.facts import FACTS, FACTS_TARGET, INSERT_FACT, fact, key_of, values
from tests.support.facts_writer import changing, load, write
from tests.support.faults import EXTRA_BUCKET, Fault, FaultPlan, FaultSeeder
from tests.support.figures import show
from tests.support.pipeline import Pipeline
from tests.support.reconcile_cli import Ended, Found, ReconcileCli

pytestmark = pytest.mark.integration

ROWS: Final = int(os.environ.get("CDC_TEST_RECONCILE_ROWS", "20000"))
RUNS: Final = int(os.environ.get("CDC_TEST_RECONCILE_RUNS", "2"))
"""Without faults, of which each must find nothing."""
SHARE_PER_MINUTE: Final = 0.1
NICENESS: Final = 10
"""The pipeline and the writer come first, as on the machines of users who run reconcile elsewhere."""
PLAN: Final = FaultPlan() if ROWS < 100_000 else FaultPlan(200, 200, 20, 5, 200)
SPOILED: Final = PLAN.numbers(ROWS)
STALE: Final = SPOILED[-PLAN.stale :]
LOADED, CURRENT = 0, 1
"""Versions of the rows. All are loaded in the first; those that will be stale get the second from the source."""
DELIVERY_SECONDS: Final = 300 + ROWS / 200


@dataclass
class Table:
    """The table, filled and equal on both sides."""

    pipeline: Pipeline
    cli: ReconcileCli
    figures: dict[str, str] = field(default_factory=dict)

    def run(self, name: str, *arguments: str) -> Ended:
        """Compare everything while the writer writes."""
        before = count(self.pipeline, FACTS)
        with changing(self.pipeline, ROWS, SHARE_PER_MINUTE, frozenset(SPOILED)) as writer:
            ended = self.cli.run(*arguments)
            summary = ended.summary
            self.figures[name] = (
                f"{summary['rows']['source']:,} rows, {summary['rows_per_second']:,.0f} rows/s from start to end, "
                f"{writer.rate_per_minute:,.0f} writes/min, "
                f"{summary['found']['transient']:,} rows on their way at first sight"
            )
        assert ended.exit_code in (0, 1), f"{summary}\n{ended.stderr}"
        # Rows that are there now: the writer deletes some of those that it meets, and inserts others.
        assert summary["rows"]["source"] > 0.95 * min(before, count(self.pipeline, FACTS))
        assert summary["units"]["failed"] == 0
        # The writer was seen, or the run would prove nothing about live tables.
        assert summary["found"]["transient"] > 0
        return ended

    def texts(self, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Rows of PostgreSQL as text."""
        with self.pipeline.postgres() as connection:
            rows = connection.execute(
                f"SELECT bucket, seq, f::text FROM {FACTS_TARGET} f "
                "JOIN unnest(%s::int[], %s::int[]) k (bucket, seq) USING (bucket, seq)".encode(),
                [[bucket for bucket, _ in keys], [seq for _, seq in keys]],
            ).fetchall()
        return {(bucket, seq): text for bucket, seq, text in rows}


@pytest.fixture(scope="module")
def table(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    pipeline.wait_running()
    wait_passed(pipeline, FACTS)
    empty(pipeline, FACTS)
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        load(session, ROWS, LOADED)
        insert = session.prepare(INSERT_FACT)
        write(session, [(insert, values(fact(*key_of(number), CURRENT))) for number in STALE])
        wait_passed(pipeline, FACTS, DELIVERY_SECONDS)
        connection.execute(b"ANALYZE " + FACTS_TARGET.encode())
        table = Table(pipeline, ReconcileCli(pipeline, tmp_path_factory.mktemp("reconcile"), [FACTS], NICENESS))
        yield table
        show(f"reconcile of {ROWS:,} rows of 24 columns under writes", table.figures)
        wait_passed(pipeline, FACTS, DELIVERY_SECONDS)
        empty(pipeline, FACTS)


@pytest.mark.parametrize("number", range(RUNS))
def test_no_false_alarm_under_writes(table: Table, number: int) -> None:
    ended = table.run(f"without faults, run {number + 1}")

    assert ended.exit_code == 0, ended.summary
    assert table.cli.findings(ended.run_id) == []


def number_key(found: Found) -> tuple[int, ...]:
    return tuple(map(int, found.key))


def by_key(findings: Sequence[Found]) -> dict[tuple[int, ...], Fault]:
    return {number_key(found): Fault(found.kind, found.columns) for found in findings}


def test_every_seeded_fault_is_found_and_nothing_else_and_repaired_but_for_extras(table: Table) -> None:
    keys = [key_of(number) for number in SPOILED]
    before = table.texts(keys)
    with table.pipeline.postgres() as connection:
        seeder = FaultSeeder(connection)
        seeder.seed(PLAN, SPOILED, LOADED)
    extras = [(EXTRA_BUCKET, number) for number in range(PLAN.added)]
    extra_rows = table.texts(extras)

    first = table.run("with faults")

    found = by_key(table.cli.findings(first.run_id))
    assert found == seeder.faults
    assert {each.state for each in table.cli.findings(first.run_id)} == {"open"}
    assert first.exit_code == 1

    second = table.run("with faults, repairing", "--repair", "all", "--max-repair-ratio", "0.05")

    states = {number_key(each): each.state for each in table.cli.findings(second.run_id)}
    assert by_key(table.cli.findings(second.run_id)) == seeder.faults
    assert states == {key: "open" if fault.kind == "extra" else "repaired" for key, fault in seeder.faults.items()}
    assert second.exit_code == 1, "extra rows are still open"
    assert table.texts(keys) == before
    assert table.texts(extras) == extra_rows

    last = table.run("after the repair")

    assert by_key(table.cli.findings(last.run_id)) == dict.fromkeys(extras, Fault("extra"))
