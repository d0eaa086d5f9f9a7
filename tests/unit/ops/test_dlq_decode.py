"""Keys and values are decoded exactly, and what cannot be decoded says why."""

from typing import Any

import httpx
import pytest

from components.registry_client import RegistryClient, RegistryError
from ops.dlq.decode import Decoder, UndecodableError
from tests.unit.ops.dlq_letters import KEY, avro, decoder


def column(cql_like: Any) -> dict[int, Any]:
    return {1: {"type": "record", "name": "R", "fields": [{"name": "c", "type": ["null", cql_like]}]}}


def test_a_key_becomes_columns_and_values() -> None:
    assert decoder().decode(avro(1, {"id": "a"})) == {"id": "a"}


def test_types_that_are_used_by_name_are_resolved() -> None:
    value = {"after": None, "before": {"age": 7}, "op": "u"}
    assert decoder().decode(avro(2, value)) == value


@pytest.mark.parametrize(
    ("schema", "written", "read"),
    [
        ({"type": "int", "logicalType": "date"}, 20_000, "2024-10-04"),
        ({"type": "int", "logicalType": "date"}, 2_000_000_000, "+5477784-01-06"),
        ({"type": "long", "logicalType": "timestamp-millis"}, 1, "1970-01-01T00:00:00.001Z"),
        ({"type": "long", "logicalType": "timestamp-millis"}, 10**17, "+3170843-11-07T09:46:40Z"),
        ("bytes", b"\x00\xff", "0x00ff"),
        ({"type": "array", "items": ["null", "string"]}, ["a", None], ["a", None]),
        ("boolean", True, True),
        ("long", 2**62, 2**62),
    ],
)
def test_values_are_plain_and_exact(schema: Any, written: Any, read: Any) -> None:
    plain = {"type": schema["type"]} if isinstance(schema, dict) and "logicalType" in schema else schema
    data = avro(1, {"c": written}, column(plain))
    assert decoder(column(schema)).decode(data) == {"c": read}


def test_no_data_is_nothing() -> None:
    assert decoder().decode(None) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "wire format"),
        (b"\x01abcdefgh", "wire format"),
        (b"\x00\x00\x00\x00\x63x", "no schema 99"),
        (avro(1, {"id": "abc"})[:-2], r"not a record of schema 1 \(EOFError\)"),
    ],
)
def test_what_cannot_be_decoded_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        decoder().decode(data)


def test_each_schema_is_fetched_once() -> None:
    asked: list[str] = []

    def registry(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"schema": str(KEY).replace("'", '"')})

    one = Decoder(RegistryClient("http://registry:8081/", httpx.MockTransport(registry)))
    for _ in range(2):
        one.decode(avro(1, {"id": "a"}))
    assert asked == ["/schemas/ids/1"]


@pytest.mark.parametrize("answer", [httpx.Response(500, text="no database"), httpx.ConnectError("refused")])
def test_a_registry_that_does_not_answer_is_not_taken_for_a_missing_schema(
    answer: httpx.Response | httpx.ConnectError,
) -> None:
    def registry(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.Response):
            return answer
        raise answer

    one = Decoder(RegistryClient("http://registry:8081", httpx.MockTransport(registry), retry_seconds=0))
    with pytest.raises(RegistryError, match="http://registry:8081"):
        one.decode(avro(1, {"id": "a"}))
