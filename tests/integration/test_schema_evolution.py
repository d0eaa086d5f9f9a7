"""Each rule of docs/schema-evolution.md, while a writer runs: what flows, what stops, and how it goes on.

`make test` tries one rule of either kind, `make test-evolution` all of them.
"""

from __future__ import annotations

import os
import random
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Session
from psycopg import sql

from infra.pipeline import READER
from reconcile.supervisor import REFUSED_SCHEMA
from tests.support.commands import cdc, schema_findings
from tests.support.evolving import (
    KEYS,
    MARKER,
    TABLE,
    EvolvingWriter,
    Maker,
    assert_equal,
    evolving,
    insert,
    make_again,
    set_migrations,
    source_table,
    target_types,
    wait_for_marker,
)
from tests.support.failure_watch import no_task_fails
from tests.support.pipeline import Pipeline, bring_up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

every_rule = pytest.mark.skipif(os.environ.get("CDC_TEST_EVERY_RULE") != "1", reason="long; make test-evolution")

RUN = secrets.token_hex(2)
"""Part of the columns' names, so that a stack that has seen these tests can see them again."""
INT_MAX = 2**31 - 1
STOPPED_WITHIN_SECONDS = 240


def number(generator: random.Random) -> int:
    return generator.randrange(10_000)


def large_number(generator: random.Random) -> int:
    return INT_MAX + generator.randrange(1, 10_000)


def fine_ratio(generator: random.Random) -> float:
    """Of more digits than a float of 32 bits has."""
    return 0.1 + generator.random() * 1e-9


def word(generator: random.Random) -> str:
    return f"word {generator.randrange(1000)}"


def some_bytes(generator: random.Random) -> bytes:
    return generator.randbytes(8)


def some_uuid(generator: random.Random) -> uuid.UUID:
    return uuid.UUID(int=generator.getrandbits(128), version=4)


@pytest.fixture(scope="module")
def session(pipeline: Pipeline) -> Iterator[Session]:
    with pipeline.scylla() as session:
        yield session


def problems_of(column: str, assume: str = "") -> str:
    """The problems that `cdc schema check` finds, all about the column, with their cures."""
    problems = [each for each in schema_findings(TABLE, expected_code=1, assume=assume) if each["kind"] == "problem"]
    assert problems
    assert all(column in each["text"] for each in problems)
    return "\n".join(f"{each['text']}: {each['cure']}" for each in problems)


def notes_and_changes(assume: str = "") -> str:
    return "\n".join(each["text"] for each in schema_findings(TABLE, assume=assume))


def target_values(pipeline: Pipeline, column: str) -> dict[int, Any]:
    """Values of a column by key."""
    query = sql.SQL("SELECT id, {} FROM public.evolving WHERE id < %s").format(sql.Identifier(column))
    with pipeline.postgres() as connection:
        return dict(connection.execute(query, (KEYS,)).fetchall())


def marker_value(pipeline: Pipeline, column: str) -> Any:
    """The column's value in the row that was written last."""
    query = sql.SQL("SELECT {} FROM public.evolving WHERE id = %s").format(sql.Identifier(column))
    with pipeline.postgres() as connection:
        return connection.execute(query, (MARKER,)).fetchall()[0][0]


def assert_up_refuses(column: str) -> None:
    """`up` says what is wrong before anything is touched: it does not even begin with the engine."""
    done = cdc("up")
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    assert "nothing was changed" in output
    assert column in output
    assert "pulumi up" not in output


def add_column(
    pipeline: Pipeline, session: Session, writer: EvolvingWriter, column: str, cql_type: str, make: Maker, last: Any
) -> None:
    """Add a column that the writer fills from then on, and wait until its values arrive; `last` is the newest one."""
    session.execute(f"ALTER TABLE {TABLE} ADD {column} {cql_type}")
    writer.use(**{column: make})
    writer.wait_for_more()
    wait_for_marker(pipeline, session, **{column: last})


def add_again(session: Session, writer: EvolvingWriter, column: str, cql_type: str) -> None:
    """Drop a column and add it with another type; the writer leaves it out from then on."""
    writer.use()
    drop_column(session, writer, column)
    session.execute(f"ALTER TABLE {TABLE} ADD {column} {cql_type}")


def drop_column(session: Session, writer: EvolvingWriter, column: str) -> None:
    """Drop a column between two writes: one that is under way would leave the stand-in a log that it cannot read."""
    with writer.holding():
        session.execute(f"ALTER TABLE {TABLE} DROP {column}")


def wait_failed(pipeline: Pipeline, connector: str) -> str:
    """Wait until a connector is FAILED; return what it says."""
    name = pipeline.outputs.connectors[connector]
    with pipeline.connect() as client:
        status = wait_until(
            f"the {connector} stops",
            lambda: (found := client.status(name)).has_failed and found,
            STOPPED_WITHIN_SECONDS,
        )
    assert status
    return status.summary


def test_a_new_column_flows(pipeline: Pipeline, session: Session) -> None:
    column = f"label_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            assert f"column {column} is added" in notes_and_changes(f"{column}=text")
            session.execute(f"ALTER TABLE {TABLE} ADD {column} text")
            writer.wait_for_more()
            writer.use(**{column: word})
        assert_equal(pipeline, session, **{column: "last"})
    assert any(target_values(pipeline, column).values())


@every_rule
def test_a_new_column_with_a_default_that_the_application_writes_flows(pipeline: Pipeline, session: Session) -> None:
    column = f"status_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            session.execute(f"ALTER TABLE {TABLE} ADD {column} text")
            writer.use(**{column: word})
            with writer.holding():
                for row in session.execute(f"SELECT id, {column} FROM {TABLE}"):
                    if getattr(row, column) is None:
                        statement = f"UPDATE {TABLE} SET {column} = 'default' WHERE id = %s"
                        session.execute(statement, (row.id,))
        assert_equal(pipeline, session, **{column: "default"})
    assert None not in target_values(pipeline, column).values()


@every_rule
def test_a_removed_column_flows_and_stays_in_the_target(pipeline: Pipeline, session: Session) -> None:
    column = f"note_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            add_column(pipeline, session, writer, column, "text", word, "kept")
            writer.use()
            drop_column(session, writer, column)
        assert_equal(pipeline, session)
    assert f"column {column} is not in the source" in notes_and_changes()
    assert any(target_values(pipeline, column).values())


@every_rule
def test_a_column_that_is_renamed_by_copying_flows(pipeline: Pipeline, session: Session) -> None:
    old, new = f"nick_{RUN}", f"alias_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            session.execute(f"ALTER TABLE {TABLE} ADD {old} text")
            writer.use(**{old: word})
            writer.wait_for_more()
            session.execute(f"ALTER TABLE {TABLE} ADD {new} text")
            with writer.holding():
                for row in session.execute(f"SELECT id, {old} FROM {TABLE}"):
                    statement = f"UPDATE {TABLE} SET {new} = %s WHERE id = %s"
                    session.execute(statement, (getattr(row, old), row.id))
            writer.use(**{new: word})
            drop_column(session, writer, old)
        assert_equal(pipeline, session, **{new: "last"})
    assert any(target_values(pipeline, new).values())


@every_rule
def test_up_gives_columns_their_types_and_drops_those_that_a_migration_names(
    pipeline: Pipeline, session: Session
) -> None:
    """The steps at leisure, after the changes above and one whose type the sink does not know."""
    column = f"ref_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            add_column(pipeline, session, writer, column, "uuid", some_uuid, uuid.uuid4())
            assert target_types(pipeline)[column] == "text"
            set_migrations({"dropColumn": f"note_{RUN}"}, {"dropColumn": f"nick_{RUN}"})
            bring_up()
        assert_equal(pipeline, session, **{column: uuid.uuid4()})
    types = target_types(pipeline)
    assert types[column] == "uuid"
    assert set(types) == {each.name for each in source_table(pipeline).columns}
    pipeline.wait_equal([TABLE])


@every_rule
def test_a_column_that_gets_wider_flows(pipeline: Pipeline, session: Session) -> None:
    amount, ratio = f"amount_{RUN}", f"ratio_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            session.execute(f"ALTER TABLE {TABLE} ADD ({amount} int, {ratio} float)")
            writer.use(**{amount: number, ratio: fine_ratio})
            writer.wait_for_more()
            wait_for_marker(pipeline, session, **{amount: 1, ratio: 0.5})
            with writer.holding():
                make_again(pipeline, session, **{amount: "bigint", ratio: "double"})
                for key in (*range(KEYS), MARKER):
                    insert(session, key, {"version": 0, amount: key, ratio: 0.5})
            writer.wait_for_more()
            assert f"column {amount}" in notes_and_changes()
            bring_up()
            writer.use(**{amount: large_number, ratio: fine_ratio})
        assert_equal(pipeline, session, **{amount: INT_MAX + 1, ratio: 0.1})
    assert max(filter(None, target_values(pipeline, amount).values())) > INT_MAX
    pipeline.wait_equal([TABLE])


def test_a_type_that_the_registry_refuses_stops_the_source_until_it_is_accepted(
    pipeline: Pipeline, session: Session
) -> None:
    """CQL does not add a dropped column again with such a type, so the table is made again."""
    column = f"count_{RUN}"
    with evolving(pipeline) as writer:
        add_column(pipeline, session, writer, column, "int", number, 1)
        assert "registry refuses" in problems_of(column, assume=f"{column}=varint")

        writer.use()
        with writer.holding():
            make_again(pipeline, session, **{column: "varint"})
            # Without these rights, which went with the old table, the source would wait for `up` instead.
            for table in (TABLE, f"{TABLE}_scylla_cdc_log"):
                session.execute(f"GRANT SELECT ON {table} TO {READER}")
            for key in (*range(KEYS), MARKER):
                insert(session, key, {"version": 0})
        assert_up_refuses(column)
        writer.use(**{column: number})
        assert REFUSED_SCHEMA.search(wait_failed(pipeline, "source"))

        assert "cdc schema accept" in problems_of(column)
        done = cdc("schema accept", "--table", TABLE, "--force")
        assert done.returncode == 0, done.stdout + done.stderr
        bring_up()
        writer.wait_for_more()
    pipeline.wait_running()
    assert_equal(pipeline, session, **{column: 2**70})
    assert target_types(pipeline)[column] == "numeric"
    pipeline.wait_equal([TABLE])


@every_rule
def test_a_column_added_again_with_another_type_stops_the_sink_until_a_migration_is_written(
    pipeline: Pipeline, session: Session
) -> None:
    column = f"sum_{RUN}"
    with evolving(pipeline) as writer:
        session.execute(f"ALTER TABLE {TABLE} ADD {column} varint")
        writer.use(**{column: number})
        bring_up()
        wait_for_marker(pipeline, session, **{column: 1})
        assert "the source needs bytea" in problems_of(column, assume=f"{column}=blob")

        add_again(session, writer, column, "blob")
        assert_up_refuses(column)
        writer.use(**{column: some_bytes})
        assert f"Column {column}" in wait_failed(pipeline, "sink")

        set_migrations({"changeType": {"column": column, "using": "NULL"}})
        bring_up()
        writer.wait_for_more()
    pipeline.wait_running()
    assert_equal(pipeline, session, **{column: b"last"})
    assert target_types(pipeline)[column] == "bytea"
    pipeline.wait_equal([TABLE])


@every_rule
def test_bytes_flow_into_a_text_column_until_a_migration_casts_them(pipeline: Pipeline, session: Session) -> None:
    """PostgreSQL's text takes anything, so the sink has no reason to stop."""
    column = f"body_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            add_column(pipeline, session, writer, column, "text", word, "text")
            add_again(session, writer, column, "blob")
            assert_up_refuses(column)
            writer.use(**{column: some_bytes})
            wait_for_marker(pipeline, session, **{column: b"\x01\xff"})
            assert marker_value(pipeline, column) == "\\x01ff"
            set_migrations({"changeType": {"column": column}})
            bring_up()
        wait_for_marker(pipeline, session, **{column: b"\x01\xff"})
        assert marker_value(pipeline, column) == b"\x01\xff"
    # What was dropped in the source is still in the rows that nobody has changed since.
    assert_equal(pipeline, session, "--repair", "mismatch", **{column: b"last"})
    pipeline.wait_equal([TABLE])
