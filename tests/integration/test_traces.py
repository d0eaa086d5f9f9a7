"""A traced change can be followed from the source's produce to its statement, and shows of its row the key only.

The stack traces all changes meanwhile; by default it takes a sample.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from ops.demo_rows import (
    DELETE_ORDER,
    DELETE_USER,
    INSERT_ORDER,
    INSERT_USER,
    UPDATE_AGE,
    UPDATE_STATUS,
    order_row,
    user_row,
)
from ops.dlq.queue import Kafka
from ops.traces.cli import NOT_FOUND, replicated, ways_of
from ops.traces.key import key_text
from ops.traces.way import Way
from tests.support.commands import cdc, reconcile
from tests.support.dead_letters import dead_letters
from tests.support.pipeline import Pipeline, run
from tests.support.reconfigured import reconfigured
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ROWS = 20
SHOWN_WITHIN_SECONDS = 60
CONFIDENTIAL = "confidential 4711"
REFUSE = (
    "CREATE FUNCTION public.refuse_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF NEW.name LIKE 'confidential%' THEN RAISE EXCEPTION 'no such name: %', NEW.name; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER refuse_name BEFORE INSERT OR UPDATE ON public.users"
    " FOR EACH ROW EXECUTE FUNCTION public.refuse_name()",
)
ALLOW = (
    "DROP TRIGGER IF EXISTS refuse_name ON public.users",
    "DROP FUNCTION IF EXISTS public.refuse_name",
)


@dataclass(frozen=True)
class Change:
    """A change that was written."""

    table: str
    key: tuple[str, ...]
    operation: str
    written: tuple[datetime, datetime]
    """Before and after the write."""


@pytest.fixture(scope="module")
def traced(pipeline: Pipeline) -> Iterator[Pipeline]:
    with reconfigured(pipeline, tracingSampleRatio="1.0"):
        assert pipeline.outputs.trace_sample_ratio == 1
        yield pipeline


def write_random_changes(pipeline: Pipeline, count: int) -> list[Change]:
    """Changes of as many rows: both tables, keys of one and of two columns, inserts, updates and deletes."""
    generator = random.Random(7)
    changes = []
    with pipeline.scylla() as session:
        for number in range(count):
            operation = generator.choice(("insert", "update", "delete"))
            key: tuple[UUID, ...]
            if generator.random() < 0.5:
                user = user_row(uuid4(), number)
                table, key = "shop.users", (user[0],)  # type: ignore[assignment] # its first column is the id
                before = [(INSERT_USER, user)]
                last = {"update": (UPDATE_AGE, (33, *key)), "delete": (DELETE_USER, key)}
            else:
                order = order_row(uuid4(), generator)
                table, key = "shop.orders", order[:2]  # type: ignore[assignment] # its first two columns are ids
                before = [(INSERT_ORDER, order)]
                last = {"update": (UPDATE_STATUS, ("sent", *key)), "delete": (DELETE_ORDER, key)}
            begin = datetime.now(UTC)
            for statement, values in [*before, *([last[operation]] if operation in last else [])]:
                session.execute(statement, values)
            changes.append(Change(table, tuple(map(str, key)), operation, (begin, datetime.now(UTC))))
    return changes


def options(change: Change) -> list[str]:
    """What names a row on the command line."""
    return ["--table", change.table, *(option for value in change.key for option in ("--key", value))]


def find(pipeline: Pipeline, change: Change) -> Way:
    """The newest way of a row, once the whole of it is there."""
    table = replicated(pipeline.outputs, change.table)
    key = key_text(table, change.key)

    def ask() -> Way | None:
        found = ways_of(pipeline.outputs, table, key, change.written[0] - timedelta(minutes=1), 1)
        print(change.table, key, found)  # shown when it never comes
        return found[0] if found and found[0].is_complete and found[0].operation == change.operation else None

    way = wait_until(f"the way of {change}", ask, SHOWN_WITHIN_SECONDS)
    assert way
    return way


def test_the_complete_way_of_random_rows_is_found(traced: Pipeline) -> None:
    changes = write_random_changes(traced, ROWS)
    traced.wait_equal(["shop.users", "shop.orders"])

    for change in changes:
        way = find(traced, change)
        steps = {step.name: step for step in way.steps}
        assert list(steps) == [
            "written",
            "produce",
            "row",
            "put",
            "DELETE" if change.operation == "delete" else "INSERT",
        ]
        offsets = [step.offset_us for step in way.steps]
        assert offsets == sorted(offsets), way
        assert f"cdc.{change.table}-" in steps["produce"].detail
        begin, end = change.written
        # ScyllaDB's connector knows milliseconds.
        assert begin.timestamp() - 0.001 <= steps["written"].at.timestamp() <= end.timestamp()
        assert way.total_us
        assert way.since_written_us
        assert 0 < way.total_us < way.since_written_us < 60_000_000, way
    assert {change.operation for change in changes} == {"insert", "update", "delete"}


def test_the_command_shows_the_way_and_its_correlation_id_is_in_the_records_headers(traced: Pipeline) -> None:
    (change,) = write_random_changes(traced, 1)
    traced.wait_equal([change.table])
    find(traced, change)
    done = cdc("trace", *options(change), "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    (way,) = found["found"]
    assert (way["complete"], way["operation"]) == (True, change.operation)

    headers = {name: value.decode() for name, value in headers_of(traced, step(way, "produce")["detail"])}
    assert headers["traceparent"].split("-")[1] == way["trace_id"]
    written_us = round(datetime.fromisoformat(step(way, "written")["at"]).timestamp() * 1e6)
    assert headers["cdc.correlation.id"] == f"{change.table} {found['key']} @{written_us}"


def step(way: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in way["steps"] if each["step"] == name)


def headers_of(pipeline: Pipeline, where: str) -> list[Any]:
    """Headers of the record at `topic-partition@offset`."""
    place, _, offset = where.partition("@")
    topic, _, partition = place.rpartition("-")
    consumer = Consumer({**Kafka.of(pipeline.outputs).properties(), "group.id": f"traces-{uuid4()}"})
    consumer.assign([TopicPartition(topic, int(partition), int(offset))])
    (message,) = consumer.consume(1, timeout=30)
    consumer.close()
    return list(message.headers() or ())


def test_a_row_that_nobody_wrote_has_no_trace_and_the_command_says_why(traced: Pipeline) -> None:
    done = cdc("trace", "--table", "shop.users", "--key", str(uuid4()))

    assert done.returncode == NOT_FOUND
    assert "no trace of shop.users" in done.stdout
    assert traced.outputs.trace_sample_ratio == 1
    assert "tracingSampleRatio" not in done.stdout, "all changes are traced"


def test_a_key_that_is_none_is_refused(traced: Pipeline) -> None:
    assert traced.outputs.table("shop.orders")
    done = cdc("trace", "--table", "shop.orders", "--key", str(uuid4()))

    assert done.returncode == 1
    assert "order_id is missing" in done.stderr


def all_spans(pipeline: Pipeline) -> str:
    """Everything that Jaeger has of the workers, as text."""
    answer = httpx.get(
        f"{pipeline.outputs.endpoints['jaeger']}/api/traces",
        params={"service": "connect", "limit": 20_000, "start": 0, "end": round(time.time() * 1e6)},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.text


def test_no_trace_shows_a_value_of_a_row_even_when_postgresql_quotes_it(traced: Pipeline) -> None:
    key = uuid4()
    with traced.scylla() as session, traced.postgres() as connection, dead_letters(traced) as letters:
        for statement in (*ALLOW, *REFUSE):
            connection.execute(sql.SQL(statement))
        try:
            session.execute("INSERT INTO shop.users (id, name) VALUES (%s, %s)", (key, CONFIDENTIAL))
            wait_until("the record is in the queue", lambda: letters.open("shop.users"))
            text = wait_until("its trace is there", lambda: all_spans(traced) if str(key) in all_spans(traced) else "")
            wait_until("the failed statement is there", lambda: "SQLSTATE P0001" in all_spans(traced))
            assert CONFIDENTIAL not in text
            assert CONFIDENTIAL not in all_spans(traced)
        finally:
            for statement in ALLOW:
                connection.execute(sql.SQL(statement))
            session.execute(DELETE_USER, (key,))
            letters.forget("shop.users")
    traced.wait_equal(["shop.users"])


def test_a_run_of_reconcile_shows_its_parts(traced: Pipeline) -> None:
    summary = reconcile("shop.users")
    endpoint = traced.outputs.endpoints["jaeger"]

    def parts() -> dict[str, Any]:
        tags = json.dumps({"reconcile.run_id": summary["run_id"]})
        found = httpx.get(f"{endpoint}/api/traces", params={"service": "reconcile", "tags": tags}, timeout=30).json()
        return {span["operationName"]: span for span in found["data"][0]["spans"]} if found["data"] else {}

    spans = wait_until("the run's spans are there", parts, SHOWN_WITHIN_SECONDS)
    assert {"run", "unit", "confirm"} <= set(spans)
    assert spans["unit"]["references"][0]["spanID"] == spans["run"]["spanID"]


def test_without_jaeger_rows_flow_and_the_command_says_that_it_does_not_answer(traced: Pipeline) -> None:
    container = traced.outputs.containers["jaeger"]
    run("docker", "stop", container)
    try:
        changes = write_random_changes(traced, ROWS)
        traced.wait_equal(["shop.users", "shop.orders"])
        traced.assert_no_task_failed()
        done = cdc("trace", *options(changes[0]))
        assert done.returncode == 1
        assert "does not answer" in done.stderr
        assert reconcile("shop.users")["exit_code"] == 0
    finally:
        run("docker", "start", container)
        traced.wait_healthy("jaeger")
    (change,) = write_random_changes(traced, 1)
    find(traced, change)
