"""Each rule of docs/schema-evolution.md, while a writer runs: what flows, and how `up` follows."""

from __future__ import annotations

import random
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Session
from psycopg import sql

from tests.support.commands import schema_findings
from tests.support.evolving import (
    KEYS,
    MARKER,
    TABLE,
    EvolvingWriter,
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

pytestmark = pytest.mark.integration

RUN = secrets.token_hex(2)
"""Part of the columns' names, so that a stack that has seen these tests can see them again."""
INT_MAX = 2**31 - 1


def number(generator: random.Random) -> int:
    return generator.randrange(10_000)


def large_number(generator: random.Random) -> int:
    return INT_MAX + generator.randrange(1, 10_000)


def fine_ratio(generator: random.Random) -> float:
    """Of more digits than a float of 32 bits has."""
    return 0.1 + generator.random() * 1e-9


def word(generator: random.Random) -> str:
    return f"word {generator.randrange(1000)}"


def some_uuid(generator: random.Random) -> uuid.UUID:
    return uuid.UUID(int=generator.getrandbits(128), version=4)


@pytest.fixture(scope="module")
def session(pipeline: Pipeline) -> Iterator[Session]:
    with pipeline.scylla() as session:
        yield session


def notes_and_changes(assume: str = "") -> str:
    return "\n".join(each["text"] for each in schema_findings(TABLE, assume=assume))


def target_values(pipeline: Pipeline, column: str) -> dict[int, Any]:
    """Values of a column by key."""
    query = sql.SQL("SELECT id, {} FROM public.evolving WHERE id < %s").format(sql.Identifier(column))
    with pipeline.postgres() as connection:
        return dict(connection.execute(query, (KEYS,)).fetchall())


def drop_column(session: Session, writer: EvolvingWriter, column: str) -> None:
    """Drop a column between two writes: one that is under way would leave the stand-in a log that it cannot read."""
    with writer.holding():
        session.execute(f"ALTER TABLE {TABLE} DROP {column}")


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


def test_a_removed_column_flows_and_stays_in_the_target(pipeline: Pipeline, session: Session) -> None:
    column = f"note_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            session.execute(f"ALTER TABLE {TABLE} ADD {column} text")
            writer.use(**{column: word})
            writer.wait_for_more()
            wait_for_marker(pipeline, session, **{column: "kept"})
            writer.use()
            drop_column(session, writer, column)
        assert_equal(pipeline, session)
    assert f"column {column} is not in the source" in notes_and_changes()
    assert any(target_values(pipeline, column).values())


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


def test_up_gives_columns_their_types_and_drops_those_that_a_migration_names(
    pipeline: Pipeline, session: Session
) -> None:
    """The steps at leisure, after the changes above and one whose type the sink does not know."""
    column = f"ref_{RUN}"
    with no_task_fails(pipeline):
        with evolving(pipeline) as writer:
            session.execute(f"ALTER TABLE {TABLE} ADD {column} uuid")
            writer.use(**{column: some_uuid})
            writer.wait_for_more()
            wait_for_marker(pipeline, session, **{column: uuid.uuid4()})
            assert target_types(pipeline)[column] == "text"
            set_migrations({"dropColumn": f"note_{RUN}"}, {"dropColumn": f"nick_{RUN}"})
            bring_up()
        assert_equal(pipeline, session, **{column: uuid.uuid4()})
    types = target_types(pipeline)
    assert types[column] == "uuid"
    assert set(types) == {each.name for each in source_table(pipeline).columns}
    pipeline.wait_equal([TABLE])


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
