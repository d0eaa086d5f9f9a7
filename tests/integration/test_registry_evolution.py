"""The real registry takes and refuses what the rules say, and what `cdc schema check` foretells."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from components.avro_evolution import evolve_value
from components.registry_client import subjects_of
from components.scylla.metadata import SourceColumn, SourceTable, read_source_table
from ops.databases import open_scylla
from ops.dlq.queue import Kafka
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

TABLE = "lab.facts"
TAKEN, REFUSED = 200, 409
RULES: dict[str, tuple[dict[str, str | None], int]] = {
    "add a column": ({"extra": "text"}, TAKEN),
    "remove a column": ({"label": None}, TAKEN),
    "rename a column": ({"label": None, "title": "text"}, TAKEN),
    "widen int to bigint": ({"number": "bigint"}, TAKEN),
    "widen float to double": ({"ratio": "double"}, TAKEN),
    "widen the elements of a list": ({"numbers": "list<bigint>"}, TAKEN),
    "text to blob": ({"label": "blob"}, TAKEN),
    "timestamp to bigint": ({"at": "bigint"}, TAKEN),
    "int to varint, whose values are text": ({"number": "varint"}, REFUSED),
    "narrow bigint to int": ({"big": "int"}, REFUSED),
    "narrow double to float": ({"score": "float"}, REFUSED),
    "text to int": ({"label": "int"}, REFUSED),
    "boolean to text": ({"flag": "text"}, REFUSED),
    "map to text": ({"attributes": "text"}, REFUSED),
    "map to set": ({"attributes": "set<text>"}, REFUSED),
    "add one column and change another": ({"extra": "int", "number": "text"}, REFUSED),
}
"""What changes (None: the column goes), and how the registry answers."""


@pytest.fixture(scope="module")
def facts(pipeline: Pipeline) -> SourceTable:
    with open_scylla(pipeline.outputs) as session:
        table = read_source_table(session, *TABLE.split("."))
    assert table
    return table


@pytest.fixture(scope="module")
def registered(pipeline: Pipeline) -> Any:
    """The value schema of a table with a column of each type, as the connector has registered it."""
    with pipeline.scylla() as session:
        session.execute(f"INSERT INTO {TABLE} (bucket, seq, label) VALUES (-1, 0, 'registry')")
    topic = pipeline.outputs.topics[TABLE]
    with pipeline.registry() as registry:
        return wait_until("the connector registers its schema", lambda: registry.latest(subjects_of(topic)[1]))


def changed(table: SourceTable, changes: dict[str, str | None]) -> SourceTable:
    kept = [column for column in table.columns if column.name not in changes]
    new = [SourceColumn(name, cql_type) for name, cql_type in changes.items() if cql_type]
    return replace(table, columns=(*kept, *new))


def register(pipeline: Pipeline, subject: str, schema: Any) -> httpx.Response:
    with pipeline.registry_http() as http:
        return http.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(schema)})


def test_the_check_knows_the_registered_schema_of_every_type(facts: SourceTable, registered: Any) -> None:
    assert not evolve_value(registered, facts).is_new


@pytest.mark.parametrize("rule", RULES)
def test_the_registry_answers_as_the_rule_says(
    pipeline: Pipeline, facts: SourceTable, registered: Any, rule: str
) -> None:
    changes, expected = RULES[rule]
    subject = f"contract-{uuid4().hex}"
    assert register(pipeline, subject, registered).status_code == TAKEN
    evolution = evolve_value(registered, changed(facts, changes))
    assert evolution.is_new

    with pipeline.registry() as registry:
        foretold = registry.is_compatible(subject, evolution.schema)
        answer = register(pipeline, subject, evolution.schema)
        assert registry.forget(subject)

    assert (foretold, answer.status_code) == (expected == TAKEN, expected), answer.text


def test_a_column_without_a_default_is_refused(pipeline: Pipeline, registered: Any) -> None:
    subject = f"contract-{uuid4().hex}"
    without = copy.deepcopy(registered)
    without["fields"].append({"name": "needed", "type": "string"})
    assert register(pipeline, subject, registered).status_code == TAKEN
    assert register(pipeline, subject, without).status_code == REFUSED


def test_a_schema_is_taken_anew_after_it_was_accepted_and_old_ids_stay_readable(
    pipeline: Pipeline, facts: SourceTable, registered: Any
) -> None:
    subject = f"contract-{uuid4().hex}"
    old_id = register(pipeline, subject, registered).json()["id"]
    narrow = evolve_value(registered, changed(facts, {"big": "int"})).schema
    assert register(pipeline, subject, narrow).status_code == REFUSED
    with pipeline.registry() as registry, pipeline.registry_http() as http:
        assert registry.forget(subject)
        assert register(pipeline, subject, narrow).status_code == TAKEN
        assert registry.latest(subject) == narrow
        assert json.loads(http.get(f"/schemas/ids/{old_id}").json()["schema"]) == registered


def test_every_subject_of_the_pipeline_is_held_to_the_configured_level(pipeline: Pipeline, registered: Any) -> None:
    assert registered
    with pipeline.registry() as registry:
        levels = {
            subject: registry.level(subject)
            for table in pipeline.outputs.tables
            for subject in subjects_of(table.topic)
        }
        assert registry.level() == "BACKWARD"
    assert set(levels.values()) == {"BACKWARD"}


def test_records_are_in_the_registrys_wire_format(pipeline: Pipeline, registered: Any) -> None:
    """A zero byte, four bytes of schema id, Avro: what every Confluent client reads."""
    topic = pipeline.outputs.topics[TABLE]
    consumer = Consumer(
        {**Kafka.of(pipeline.outputs).properties(), "group.id": f"wire-{uuid4()}",
         "isolation.level": "read_committed", "enable.auto.commit": False}
    )  # fmt: skip
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        message = wait_until("a record is read", lambda: consumer.poll(1))
        assert message
        parts = (message.key(), message.value())
    finally:
        consumer.close()
    with pipeline.registry_http() as http:
        for subject, data in zip(subjects_of(topic), parts, strict=True):
            assert data is not None
            assert data[0] == 0
            known = http.get(f"/schemas/ids/{int.from_bytes(data[1:5], 'big')}")
            assert known.status_code == TAKEN
            expected = {"key": "Key", "value": "Envelope"}[subject.rpartition("-")[2]]
            assert json.loads(known.json()["schema"])["name"] == expected
    assert registered["name"] == "Envelope"
