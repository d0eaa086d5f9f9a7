"""Why a record is in the queue is read from the headers that Connect gave it."""

import pytest

from ops.dlq.letters import as_json, counts, letter
from tests.unit.ops.dlq_letters import MS, dead


def test_a_refused_record_is_named_by_its_sqlstate() -> None:
    found = dead(3)
    assert (found.id, found.topic, found.place) == ("0:3", "cdc.shop.users", "0@7")
    assert (found.fault.code, found.fault.name) == ("23514", "CheckViolation")


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"error_class": "cdc.connect.DeadKeyException", "message": "Follows x"}, "follows", "DeadKeyException"),
        ({"stage": "VALUE_CONVERTER", "error_class": "a.b.DataException"}, "value_converter", "DataException"),
        ({"message": "Unexpected value"}, "unbindable", "RefusedRecordException"),
        ({"message": "SQLSTATE ZZ999"}, "ZZ999", "RefusedRecordException"),
    ],
)
def test_other_faults_have_short_names_too(changes: dict[str, str], code: str, name: str) -> None:
    fault = dead(**changes).fault  # type: ignore[arg-type] # texts only
    assert (fault.code, fault.name) == (code, name)


def test_a_record_without_connects_headers_can_be_read() -> None:
    bare = letter(0, 1, MS, [], None, None)
    assert (bare.topic, bare.place, bare.fault.code) == ("", "?@?", "")


def test_the_name_in_the_ledger_tells_a_queue_from_one_made_later() -> None:
    assert dead(3).ledger_key != dead(3, seconds=1).ledger_key


def test_counts_are_by_topic_and_error_most_frequent_first() -> None:
    found = counts([dead(0, message="SQLSTATE 22001"), dead(1), dead(2)])
    assert list(found.items()) == [
        (("cdc.shop.users", "23514", "CheckViolation"), 2),
        (("cdc.shop.users", "22001", "StringDataRightTruncation"), 1),
    ]


def test_the_json_form_holds_no_value() -> None:
    found = as_json(dead(), {"id": "a"})
    assert found["error"]["code"] == "23514"
    assert found["key"] == {"id": "a"}
    assert "value" not in found
