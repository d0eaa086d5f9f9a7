"""What a change in the source becomes in the target, on the real pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid1, uuid4

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import BatchStatement, SimpleStatement

from ops.demo_rows import DELETE_USER, INSERT_USER, UPDATE_AGE, now, user_row
from ops.outputs import Table
from tests.support.compare import source_rows, target_rows
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

USERS = "shop.users"
ORDERS = "shop.orders"


@pytest.fixture(scope="module")
def session(pipeline: Pipeline) -> Iterator[Session]:
    with pipeline.scylla() as session:
        yield session


@pytest.fixture
def users(pipeline: Pipeline) -> Table:
    table = pipeline.outputs.table(USERS)
    assert table
    return table


@pytest.fixture
def arrives(pipeline: Pipeline, users: Table) -> Callable[[UUID], dict[str, Any]]:
    """Waits until a user's row is equal on both sides, and returns it as PostgreSQL has it."""

    def arrived(key: UUID) -> dict[str, Any]:
        def equal() -> dict[str, Any] | None:
            source, target = source_rows(pipeline, users).get((key,)), target_rows(pipeline, users).get((key,))
            return target if source and source == target else None

        row = wait_until(f"row {key} is equal on both sides", equal)
        assert row is not None
        return row

    return arrived


def wait_gone(pipeline: Pipeline, users: Table, key: UUID) -> None:
    wait_until(f"row {key} is gone", lambda: (key,) not in target_rows(pipeline, users))


def test_an_insert_arrives_with_every_column(session: Session, arrives: Callable[[UUID], dict[str, Any]]) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 7))

    row = arrives(key)

    assert row["balance"] == Decimal("0.07")
    assert row["tags"] == ["demo", "group-2"]
    assert row["attributes"] == {"number": "7", "source": "demo"}
    assert row["created_at"].tzinfo is not None


def test_a_partial_update_leaves_the_other_columns(session: Session, arrives: Callable[[UUID], dict[str, Any]]) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 8))
    before = arrives(key)
    session.execute(UPDATE_AGE, (99, key))

    wait_until("the update arrives", lambda: arrives(key)["age"] == 99)

    assert arrives(key) == {**before, "age": 99}


def test_an_update_creates_its_row(session: Session, arrives: Callable[[UUID], dict[str, Any]]) -> None:
    key = uuid4()
    session.execute(UPDATE_AGE, (41, key))

    row = arrives(key)

    assert row["age"] == 41
    assert row["name"] is None


def test_a_column_set_to_null_becomes_null(session: Session, arrives: Callable[[UUID], dict[str, Any]]) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 9))
    before = arrives(key)
    session.execute("UPDATE shop.users SET email = null, tags = null WHERE id = %s", (key,))

    wait_until("the nulls arrive", lambda: arrives(key)["email"] is None)

    assert arrives(key) == {**before, "email": None, "tags": None}


def test_a_change_of_a_collection_arrives_whole(session: Session, arrives: Callable[[UUID], dict[str, Any]]) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 10))
    arrives(key)
    session.execute("UPDATE shop.users SET tags = tags + {'new'}, attributes['k'] = 'v' WHERE id = %s", (key,))

    wait_until("the element arrives", lambda: "new" in (arrives(key)["tags"] or []))

    assert arrives(key)["attributes"] == {"k": "v", "number": "10", "source": "demo"}


def test_a_deleted_row_disappears(
    session: Session, pipeline: Pipeline, users: Table, arrives: Callable[[UUID], dict[str, Any]]
) -> None:
    key, bystander = uuid4(), uuid4()
    for each in (key, bystander):
        session.execute(INSERT_USER, user_row(each, 11))
        arrives(each)
    session.execute(DELETE_USER, (key,))

    wait_gone(pipeline, users, key)

    assert (bystander,) in target_rows(pipeline, users)


def test_delete_and_insert_again_in_one_batch_ends_with_the_new_row(
    session: Session, arrives: Callable[[UUID], dict[str, Any]]
) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 12))
    arrives(key)
    microseconds = int(now().timestamp() * 1_000_000)
    batch = BatchStatement()
    batch.add(SimpleStatement(f"DELETE FROM shop.users USING TIMESTAMP {microseconds} WHERE id = %s"), (key,))
    batch.add(
        SimpleStatement(f"UPDATE shop.users USING TIMESTAMP {microseconds + 1} SET name = %s WHERE id = %s"),
        ("again", key),
    )
    session.execute(batch)

    wait_until("the new row arrives", lambda: arrives(key)["name"] == "again")

    assert arrives(key)["email"] is None


def test_a_row_deleted_and_inserted_at_once_keeps_nothing_of_the_old_one(
    session: Session, arrives: Callable[[UUID], dict[str, Any]]
) -> None:
    key = uuid4()
    session.execute(INSERT_USER, user_row(key, 13))
    session.execute(DELETE_USER, (key,))
    session.execute("INSERT INTO shop.users (id, name) VALUES (%s, %s)", (key, "fresh"))

    wait_until("the fresh row arrives", lambda: arrives(key)["name"] == "fresh")

    assert arrives(key)["balance"] is None


def test_rows_with_a_clustering_key_are_deleted_one_by_one(session: Session, pipeline: Pipeline) -> None:
    orders = pipeline.outputs.table(ORDERS)
    assert orders
    customer, kept, deleted = uuid4(), uuid1(), uuid1()
    insert = "INSERT INTO shop.orders (customer_id, order_id, status, amount) VALUES (%s, %s, %s, %s)"
    for order in (kept, deleted):
        session.execute(insert, (customer, order, "placed", Decimal("12.50")))
    session.execute("DELETE FROM shop.orders WHERE customer_id = %s AND order_id = %s", (customer, deleted))

    wait_until("the kept order arrives", lambda: (customer, kept) in target_rows(pipeline, orders))
    pipeline.wait_equal([ORDERS])

    assert (customer, deleted) not in target_rows(pipeline, orders)


def test_a_burst_of_changes_on_few_keys_ends_equal(session: Session, pipeline: Pipeline) -> None:
    generator = random.Random(3)
    keys = [uuid4() for _ in range(500)]
    insert = session.prepare(INSERT_USER.replace("%s", "?"))
    update = session.prepare(UPDATE_AGE.replace("%s", "?"))
    delete = session.prepare(DELETE_USER.replace("%s", "?"))
    for _ in range(20):  # each round touches every key once, so that writes to one key keep their order
        kind = generator.random
        chosen = [(key, kind()) for key in generator.sample(keys, len(keys))]
        inserts = [user_row(key, generator.randrange(10_000)) for key, draw in chosen if draw < 0.5]
        updates = [(generator.randrange(100), key) for key, draw in chosen if 0.5 <= draw < 0.85]
        deletes = [(key,) for key, draw in chosen if draw >= 0.85]
        for statement, rows in ((insert, inserts), (update, updates), (delete, deletes)):
            execute_concurrent_with_args(session, statement, rows, concurrency=50, raise_on_first_error=True)

    pipeline.wait_equal([USERS])
    pipeline.assert_no_task_failed()
