"""What the connector does not deliver, and what the sink refuses: found by the next run, with its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from cassandra.cluster import Session
from cassandra.util import uuid_from_time

from reconcile.topic import topic_opener
from tests.support.databases import pipeline_settings, wait_passed
from tests.support.pipeline import Pipeline
from tests.support.reconcile_cli import Ended, Found, ReconcileCli, since
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ORDERS: Final = "shop.orders"
TARGET: Final = "public.orders"
INSERT: Final = (
    "INSERT INTO shop.orders (customer_id, order_id, status, amount, quantity) VALUES (%s, %s, 'placed', %s, %s)"
)
TTL_SECONDS: Final = 2
EVENT_SECONDS: Final = 90

Key = tuple[UUID, UUID]
Customer = tuple[Key, Key, Key]
"""Keys of the orders of one customer."""
Findings = dict[Key, tuple[str, str, frozenset[str]]]
"""Kind, cause and differing columns by key."""


@dataclass
class Orders:
    """The table, from the side of the application."""

    pipeline: Pipeline
    session: Session

    def insert(self, key: Key, quantity: int = 1) -> None:
        self.session.execute(INSERT, (*key, Decimal("9.50"), quantity))

    def delete(self, key: Key) -> None:
        self.session.execute("DELETE FROM shop.orders WHERE customer_id = %s AND order_id = %s", key)

    def source_row(self, key: Key) -> Any:
        query = "SELECT * FROM shop.orders WHERE customer_id = %s AND order_id = %s"
        return self.session.execute(query, key).one()

    def quantity(self, key: Key) -> int | None:
        """As PostgreSQL has it; None when it has no such row."""
        query = b"SELECT quantity FROM public.orders WHERE customer_id = %s AND order_id = %s"
        with self.pipeline.postgres() as connection:
            row = connection.execute(query, key).fetchone()
        return row[0] if row else None

    def forget(self, customers: list[UUID]) -> None:
        """Delete customers on both sides."""
        for customer in customers:
            self.session.execute("DELETE FROM shop.orders WHERE customer_id = %s", (customer,))
        wait_passed(self.pipeline, ORDERS)
        with self.pipeline.postgres() as connection:
            connection.execute(b"DELETE FROM public.orders WHERE customer_id = ANY(%s)", [customers])


def new_customer(orders: Orders) -> Customer:
    """Three orders of a new customer, in clustering order."""
    customer, began = uuid4(), datetime.now(UTC)
    first, second, third = ((customer, uuid_from_time(began + timedelta(seconds=number))) for number in range(3))
    for key in (first, second, third):
        orders.insert(key)
    return first, second, third


@contextmanager
def refused_by_the_sink(orders: Orders) -> Iterator[None]:
    """Have the sink put the table's records into the dead letter queue: its configuration has forgotten the table."""
    outputs = orders.pipeline.outputs
    open_topic = topic_opener(pipeline_settings(outputs))
    sink, dead_letters = outputs.connectors["sink"], open_topic(outputs.endpoints["kafka"], outputs.topics["dlq"])
    probe: Key = uuid4(), uuid_from_time(datetime.now(UTC))
    with orders.pipeline.connect() as client:
        right, before = client.get_config(sink), dead_letters.ends()
        pairs = right["transforms.fit.tables"].split(",")
        others = ",".join(pair for pair in pairs if pair != f"{ORDERS}={TARGET}")
        try:
            client.put_config(sink, right | {"transforms.fit.tables": others})
            _written_until(orders, probe, "the sink refuses a record", lambda _: dead_letters.ends() != before)
            yield
            wait_passed(orders.pipeline, ORDERS)
        finally:
            client.put_config(sink, right)
            _written_until(
                orders, probe, "the sink takes records again", lambda number: orders.quantity(probe) == number
            )
            orders.forget([probe[0]])
            dead_letters.close()


def _written_until(orders: Orders, probe: Key, what: str, happened: Callable[[int], bool]) -> None:
    """Write a row again and again, since nobody tells when a task uses its new configuration."""
    for number in range(1, 11):
        orders.insert(probe, number)
        try:
            wait_until(what, partial(happened, number), EVENT_SECONDS / 10)
        except AssertionError:
            continue
        return
    raise AssertionError(f"{what}: not within {EVENT_SECONDS} s")


def delete_a_range(orders: Orders, customer: Customer) -> Findings:
    first, *rest = customer
    orders.session.execute("DELETE FROM shop.orders WHERE customer_id = %s AND order_id > %s", first)
    return {key: ("extra", "range_or_partition_delete", frozenset()) for key in rest}


def delete_a_partition(orders: Orders, customer: Customer) -> Findings:
    orders.session.execute("DELETE FROM shop.orders WHERE customer_id = %s", (customer[0][0],))
    return {key: ("extra", "range_or_partition_delete", frozenset()) for key in customer}


def expire(orders: Orders, customer: Customer) -> Findings:
    """A row, and a cell of another one."""
    row, cell, _ = customer
    orders.session.execute(f"{INSERT} USING TTL {TTL_SECONDS}", (*row, Decimal(1), 1))
    orders.session.execute(
        f"UPDATE shop.orders USING TTL {TTL_SECONDS} SET status = 'paid' WHERE customer_id = %s AND order_id = %s", cell
    )
    wait_until("the row has expired", lambda: orders.source_row(row) is None)
    wait_until("the cell has expired", lambda: orders.source_row(cell).status is None)
    return {row: ("extra", "ttl_expired", frozenset()), cell: ("mismatch", "ttl_expired", frozenset({"status"}))}


def dead_letter(orders: Orders, customer: Customer) -> Findings:
    """An insert, an update and a delete."""
    updated, deleted, _ = customer
    inserted = updated[0], uuid_from_time(datetime.now(UTC))
    wait_passed(orders.pipeline, ORDERS)
    with refused_by_the_sink(orders):
        orders.insert(inserted)
        orders.insert(updated, 2)
        orders.delete(deleted)
    return {
        inserted: ("missing", "never_arrived", frozenset()),
        updated: ("mismatch", "stale_update", frozenset({"quantity"})),
        deleted: ("extra", "never_arrived", frozenset()),
    }


LOSSES: Final = (delete_a_range, delete_a_partition, expire, dead_letter)


@dataclass(frozen=True)
class Losses:
    """What was lost since a time; runs that do not repair leave it as it is."""

    began: datetime
    findings: Mapping[Callable[..., Findings], Findings]


@pytest.fixture(scope="module")
def losses(pipeline: Pipeline) -> Iterator[Losses]:
    pipeline.wait_running()
    pipeline.wait_equal([ORDERS])
    with pipeline.scylla() as session:
        orders, began = Orders(pipeline, session), datetime.now(UTC)
        customers = {lose: new_customer(orders) for lose in LOSSES}
        try:
            wait_passed(pipeline, ORDERS)
            findings = {lose: lose(orders, customer) for lose, customer in customers.items()}
            wait_passed(pipeline, ORDERS)
            yield Losses(began, findings)
        finally:
            orders.forget([first[0] for first, *_ in customers.values()])


@dataclass(frozen=True)
class Run:
    """The next run."""

    ended: Ended
    mode: str
    found: Findings


@pytest.fixture(scope="module", params=["full", "incremental"])
def run(
    pipeline: Pipeline, losses: Losses, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Run:
    cli = ReconcileCli(pipeline, tmp_path_factory.mktemp("reconcile"), [ORDERS])
    window = since(losses.began - timedelta(seconds=5)) if request.param == "incremental" else ()
    ended = cli.run(*window)
    found = {_key(each): (each.kind, each.cause, each.columns) for each in cli.findings(ended.run_id)}
    return Run(ended, request.param, found)


def _key(found: Found) -> Key:
    customer, order = found.key
    return UUID(customer), UUID(order)


@pytest.mark.parametrize("lose", LOSSES)
def test_the_next_run_finds_what_was_lost_and_why(losses: Losses, run: Run, lose: Callable[..., Findings]) -> None:
    expected = losses.findings[lose]

    assert {key: run.found.get(key) for key in expected} == expected


def test_the_next_run_finds_nothing_else(losses: Losses, run: Run) -> None:
    assert run.found.keys() == {key for findings in losses.findings.values() for key in findings}
    assert (run.ended.exit_code, run.ended.summary["mode"]) == (1, run.mode)
