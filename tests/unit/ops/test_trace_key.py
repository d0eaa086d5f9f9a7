"""A row's key is taken as people type it, and becomes the text that its traces have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.errors import OpsError
from ops.outputs import Table
from ops.traces.key import key_text

USERS = Table("shop.users", "public.users", "cdc.shop.users", ("id",), {"id": "uuid"})
ORDERS = Table(
    "shop.orders",
    "public.orders",
    "cdc.shop.orders",
    ("customer_id", "at"),
    {"customer_id": "integer", "at": "timestamptz"},
)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["7", "2025-12-08T14:30Z"], "at=2025-12-08T14:30:00Z, customer_id=7"),
        (["at=2025-12-08T14:30:00.5Z", "customer_id=007"], "at=2025-12-08T14:30:00.500Z, customer_id=7"),
        (["at=2025-12-08T14:30:00Z", "7"], "at=2025-12-08T14:30:00Z, customer_id=7"),
    ],
)
def test_a_key_of_several_columns_is_given_in_order_or_by_name(given: list[str], text: str) -> None:
    assert key_text(ORDERS, given) == text


def test_a_key_is_spelled_as_the_connector_spells_it() -> None:
    assert key_text(USERS, ["0C5A3E2E-6B0B-4B0E-9F4B-9B1F1B1F1B1F"]) == "id=0c5a3e2e-6b0b-4b0e-9f4b-9b1f1b1f1b1f"
    assert key_text(replace(USERS, columns={"id": "text"}), ["a=b"]) == "id=a=b"
    assert key_text(replace(USERS, columns={}), ["id=42"]) == "id=42"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["7"], "at is missing"),
        (["7", "2025-12-08T14:30Z", "x"], "'x' is one value too many"),
        (["customer_id=7", "customer_id=8"], "customer_id is given twice"),
        (["seven", "2025-12-08T14:30Z"], "'seven' is no value of customer_id"),
    ],
)
def test_a_key_that_does_not_fit_the_table_is_refused_with_an_example(given: list[str], problem: str) -> None:
    with pytest.raises(OpsError, match=problem) as refusal:
        key_text(ORDERS, given)
    assert refusal.value.hint == "Write --key customer_id=... --key at=..."
