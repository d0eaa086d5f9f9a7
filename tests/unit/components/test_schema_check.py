"""Source tables against the registry's schemas and the target's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fastavro
import pytest

from components.avro_evolution import evolve_key, evolve_value
from components.postgres.table_changes import Plan, Problem
from components.schema_check import Finding, Kind, registry_findings, target_findings
from components.scylla.metadata import ColumnKind, SourceColumn, SourceTable

TOPIC = "cdc.shop.users"


def table(**columns: str) -> SourceTable:
    key = SourceColumn("id", "uuid", ColumnKind.PARTITION_KEY, 0)
    others = (SourceColumn(name, cql_type) for name, cql_type in columns.items())
    return SourceTable("shop", "users", (key, *others))


def row(name: str, **fields: Any) -> dict[str, Any]:
    columns = [{"name": column, "type": ["null", avro], "default": None} for column, avro in fields.items()]
    return {"type": "record", "name": name, "namespace": TOPIC, "fields": columns}


def envelope(**fields: Any) -> dict[str, Any]:
    """As the connector's converter registers it: nested records are written out once, then named."""
    again = {name: _named(avro) for name, avro in fields.items()}
    return {
        "type": "record",
        "name": "Envelope",
        "namespace": TOPIC,
        "fields": [
            {"name": "before", "type": ["null", row("Before", id="string", **fields)], "default": None},
            {"name": "after", "type": ["null", row("After", id="string", **again)], "default": None},
            {"name": "op", "type": ["null", "string"], "default": None},
        ],
    }


def _named(avro: Any) -> Any:
    if isinstance(avro, dict) and avro["type"] == "record":
        return f"{avro['namespace']}.{avro['name']}" if "namespace" in avro else avro["name"]
    if isinstance(avro, dict) and "items" in avro:
        return {**avro, "items": ["null", _named(avro["items"][1])]}
    return avro


def entry(name: str, **parts: str) -> dict[str, Any]:
    return {"type": "record", "name": f"{TOPIC}.{name}", "fields": [{"name": k, "type": v} for k, v in parts.items()]}


class FakeRegistry:
    def __init__(self, schemas: Mapping[str, Any], *, compatible: bool = True) -> None:
        self.schemas = schemas
        self.compatible = compatible
        self.asked: dict[str, Any] = {}

    def latest(self, subject: str) -> Any:
        return self.schemas.get(subject)

    def is_compatible(self, subject: str, schema: Any) -> bool:
        fastavro.parse_schema(schema)  # a broken schema would be refused for another reason
        self.asked[subject] = schema
        return self.compatible

    def level(self, subject: str = "") -> str:
        return f"BACKWARD of {subject}"


REGISTERED: dict[str, Any] = {
    "text": "string",
    "varint": "string",
    "int": "int",
    "smallint": {"type": "int", "connect.type": "int16"},
    "time": "long",
    "blob": "bytes",
    "date": {"type": "int", "connect.name": "org.apache.kafka.connect.data.Date", "logicalType": "date"},
    "timestamp": {"type": "long", "logicalType": "timestamp-millis"},
    "set<text>": {"type": "array", "items": ["null", "string"]},
    "map<text, int>": {"type": "array", "items": ["null", entry("v.MapEntry", key="string", value="int")]},
    "tuple<int, text>": entry("v.Tuple", field_0="int", field_1="string"),
    "address": entry("v.UDT", street="string"),
    "list<frozen<address>>": {"type": "array", "items": ["null", entry("v.UDT", street="string")]},
}


@pytest.mark.parametrize("cql_type", REGISTERED)
def test_a_table_that_is_as_registered_has_no_findings(cql_type: str) -> None:
    key = row("Key", id="string")
    registry = FakeRegistry({f"{TOPIC}-key": key, f"{TOPIC}-value": envelope(v=REGISTERED[cql_type])}, compatible=False)
    assert list(registry_findings(registry, TOPIC, table(v=cql_type))) == []
    assert registry.asked == {}


@pytest.mark.parametrize("before", ["text", "map<text, int>", "tuple<int, text>", "address"])
@pytest.mark.parametrize("after", ["bigint", "map<int, int>", "tuple<int>", "list<frozen<address>>"])
def test_a_changed_type_is_put_into_both_images(before: str, after: str) -> None:
    evolution = evolve_value(envelope(v=REGISTERED[before]), table(v=after))
    fastavro.parse_schema(evolution.schema)
    assert list(evolution.changed) == ["v"]
    assert (evolution.added, evolution.removed) == ((), ())
    assert evolve_value(evolution.schema, table(v=after)).is_new is False


def test_columns_that_come_and_go_are_told_apart() -> None:
    evolution = evolve_value(envelope(old="string", kept="int"), table(kept="int", new="map<text, text>"))
    assert (evolution.added, evolution.removed, evolution.changed) == (("new",), ("old",), {})
    after = next(field for field in evolution.schema["fields"] if field["name"] == "after")["type"][1]
    assert [field["name"] for field in after["fields"]] == ["id", "kept", "new"]
    assert after["fields"][-1]["default"] is None


def test_the_registered_schema_is_left_alone() -> None:
    registered = envelope(v="int")
    evolve_value(registered, table(v="text"))
    assert registered == envelope(v="int")


def test_a_key_column_of_another_type_is_seen() -> None:
    evolution = evolve_key(row("Key", id="int"), table())
    assert evolution.changed == {"id": ("int", "string")}


def test_what_is_no_envelope_is_refused() -> None:
    with pytest.raises(ValueError, match="no change envelope"):
        evolve_value(row("Other", x="int"), table())


def test_what_the_registry_refuses_is_a_problem_with_a_way_out() -> None:
    registry = FakeRegistry({f"{TOPIC}-value": envelope(v="int")}, compatible=False)
    (finding,) = registry_findings(registry, TOPIC, table(v="varint", w="int"))
    assert finding.kind is Kind.PROBLEM
    assert "column v changes from int to string, column w is new" in finding.text
    assert "level BACKWARD of cdc.shop.users-value" in finding.text
    assert "cdc schema accept --table shop.users" in finding.cure


def test_what_the_registry_takes_is_a_change() -> None:
    registry = FakeRegistry({f"{TOPIC}-value": envelope(v="int")})
    (finding,) = registry_findings(registry, TOPIC, table())
    assert (finding.kind, finding.cure) == (Kind.CHANGE, "")
    assert finding.text.endswith("column v is gone")


def test_a_topic_that_the_registry_has_not_seen_is_not_asked_about() -> None:
    assert list(registry_findings(FakeRegistry({}), TOPIC, table())) == []


def test_a_target_that_is_missing_is_made() -> None:
    assert list(target_findings("public.users", None)) == [
        Finding(Kind.CHANGE, "table public.users is made by the next `up`")
    ]


def test_problems_of_the_target_keep_their_cures() -> None:
    found = list(target_findings("public.users", Plan((), (Problem("column a is text", "change it"),), ("b",))))
    assert [finding.kind for finding in found] == [Kind.PROBLEM, Kind.NOTE]
    assert str(found[0]) == "table public.users: column a is text. To do: change it"
    assert "column b is not in the source" in found[1].text
