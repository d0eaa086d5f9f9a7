"""Records are chosen by topic, error, key, time and state; all that is said has to fit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops.dlq.letters import Letter, State
from ops.dlq.selection import Selection
from ops.dlq.view import key_of, text_of
from tests.unit.ops.dlq_letters import dead, decoder

LETTERS = [
    dead(0, key="4711"),
    dead(1, key="4712", message="SQLSTATE 22001", seconds=60),
    dead(2, key="4712", topic="cdc.shop.orders", seconds=120),
    replace(dead(3), state=State.DROPPED),
]


def chosen(letters: Sequence[Letter] = LETTERS, **changes: Any) -> list[str]:
    one = decoder()
    found = Selection(**changes).of(
        letters, lambda topic: (topic, topic.removeprefix("cdc.")), lambda each: text_of(key_of(each, one))
    )
    return [each.id for each in found]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["0:0", "0:1", "0:2"]),
        ({"every_state": True}, ["0:0", "0:1", "0:2", "0:3"]),
        ({"topic": "shop.orders"}, ["0:2"]),
        ({"topic": "cdc.shop.orders"}, ["0:2"]),
        ({"topic": "shop"}, []),
        ({"error": "23514"}, ["0:0", "0:2"]),
        ({"error": "truncation"}, ["0:1"]),
        ({"key": "id=4711"}, ["0:0"]),
        ({"key": "471"}, ["0:0", "0:1", "0:2"]),
        ({"since": LETTERS[1].dead_at}, ["0:1", "0:2"]),
        ({"until": LETTERS[1].dead_at}, ["0:0"]),
        ({"since": LETTERS[0].dead_at + timedelta(seconds=1), "error": "22001"}, ["0:1"]),
        ({"ids": ("0:1", "0:3")}, ["0:1"]),
    ],
)
def test_what_is_said_has_to_fit(changes: dict[str, Any], expected: list[str]) -> None:
    assert chosen(**changes) == expected


def test_an_unreadable_key_can_still_be_found_by_its_bytes() -> None:
    assert chosen([dead(raw_key=b"\xca\xfe")], key="0xcafe") == ["0:0"]


def test_only_an_empty_selection_is_everything() -> None:
    assert Selection().is_everything
    assert not Selection(error="x").is_everything
