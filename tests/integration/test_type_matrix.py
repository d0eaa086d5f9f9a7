"""Every CQL type with normal, missing, empty and extreme values: what arrives, or why it does not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cassandra.cluster import Session
from psycopg import sql

from components.postgres.table_schema import read_table
from ops.dlq.letters import Letter
from reconcile.types import postgres_column
from tests.support import kinds
from tests.support.commands import reconcile, schema_findings
from tests.support.dead_letters import DeadLetters, dead_letters
from tests.support.kinds import CASES, KINDS, REFUSED_TYPES, TABLE, Kind
from tests.support.pipeline import Pipeline, bring_up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

LAST = "written last"


@pytest.fixture(scope="module")
def session(pipeline: Pipeline) -> Iterator[Session]:
    with pipeline.scylla() as session:
        yield session


@pytest.fixture(scope="module")
def letters(pipeline: Pipeline) -> Iterator[DeadLetters]:
    with dead_letters(pipeline) as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def left_empty(pipeline: Pipeline, session: Session, letters: DeadLetters) -> Iterator[None]:
    """Other tests compare all tables, with a driver that cannot read the extreme values."""
    yield
    letters.forget(TABLE)
    for row in session.execute(f"SELECT id FROM {TABLE}"):
        session.execute(f"DELETE FROM {TABLE} WHERE id = %s", (row.id,))
    with pipeline.postgres() as connection:
        count = "SELECT count(*) FROM public.kinds"
        wait_until("the table is empty", lambda: connection.execute(count).fetchone() == (0,), 180)


@pytest.fixture(scope="module")
def columns(pipeline: Pipeline, session: Session) -> dict[str, str]:
    """The tables with a column of each type; PostgreSQL type by column."""
    session.execute(kinds.USER_TYPE_STATEMENT)
    present = {
        row.column_name
        for row in session.execute(
            "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'lab' AND table_name = 'kinds'"
        )
    }
    missing = [f"{kind.column} {kind.cql_type}" for kind in KINDS if kind.column not in present]
    if missing:
        session.execute(f"ALTER TABLE {TABLE} ADD ({', '.join(missing)})")
        bring_up()
    with pipeline.postgres() as connection:
        table = read_table(connection, "public.kinds")
    assert table
    return {name: column.type for name, column in table.columns.items()}


def row_id(kind: Kind, case: str) -> str:
    return f"{kind.cql_type}, {case}"


def test_every_value_arrives_or_is_in_the_queue_with_its_reason(
    pipeline: Pipeline, session: Session, letters: DeadLetters, columns: dict[str, str]
) -> None:
    letters.forget(TABLE)
    written = [(kind, case) for kind in KINDS for case in CASES if kind.literal(case)]
    for kind, case in written:
        statement = f"INSERT INTO {TABLE} (id, {kind.column}) VALUES (%s, {kind.literal(case).replace('%', '%%')})"
        session.execute(statement, (row_id(kind, case),))
    session.execute(f"INSERT INTO {TABLE} (id) VALUES (%s)", (LAST,))

    def refused() -> dict[str, Letter]:
        return {letters.key(letter)["id"]: letter for letter in letters.open(TABLE)}

    def arrived() -> dict[str, str | None]:
        names = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(kind.column)) for kind in KINDS)
        with pipeline.postgres() as connection:
            connection.execute("SET timezone = 'UTC'")
            rows = connection.execute(sql.SQL("SELECT id, {} FROM public.kinds").format(names)).fetchall()
        return {row[0]: next((text for text in row[1:] if text is not None), None) for row in rows}

    ids = {row_id(kind, case) for kind, case in written}
    wait_until("every row is somewhere", lambda: ids <= arrived().keys() | refused().keys(), 180)
    values, dead = arrived(), refused()
    assert not values.keys() & dead.keys()

    found = reconcile(TABLE)
    assert found["open"] == {"missing": len(dead), "mismatch": 0, "extra": 0} | {
        name: 0 for name in found["open"] if name not in ("missing", "mismatch", "extra")
    }
    cells = {
        (kind.cql_type, case): f"refused: {dead[key].fault.code} {dead[key].fault.name}"
        if (key := row_id(kind, case)) in dead
        else kinds.cell(values[key])
        for kind, case in written
    }
    for kind, _case in written:
        assert cells[kind.cql_type, "null"] == "NULL"
    document = kinds.render(cells)
    if os.environ.get("CDC_WRITE_DOCS"):
        kinds.DOCUMENT.write_text(document)
    assert kinds.DOCUMENT.read_text() == document, "docs/type-matrix.md is stale: run this with CDC_WRITE_DOCS=1"
    assert columns == {"id": "text"} | {kind.column: postgres_column(kind.cql_type).type for kind in KINDS}
    pipeline.assert_no_task_failed()


@pytest.mark.usefixtures("columns")
@pytest.mark.parametrize("cql_type", [name for name in REFUSED_TYPES if name != "counter"])
def test_a_type_that_cannot_be_replicated_is_refused_before_it_does_harm(session: Session, cql_type: str) -> None:
    session.execute(f"ALTER TABLE {TABLE} ADD odd {cql_type}")
    try:
        (problem,) = [each for each in schema_findings(TABLE, expected_code=1) if each["kind"] == "problem"]
        assert kinds.refusal(cql_type) in problem["text"]
    finally:
        session.execute(f"ALTER TABLE {TABLE} DROP odd")
