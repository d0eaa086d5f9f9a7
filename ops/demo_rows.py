"""The demo tables: statements and made-up rows for the smoke run and the demo."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid1, uuid4

USERS: Final = "shop.users"
ORDERS: Final = "shop.orders"

INSERT_USER: Final = (
    "INSERT INTO shop.users (id, name, email, age, balance, created_at, tags, attributes)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
UPDATE_AGE: Final = "UPDATE shop.users SET age = %s WHERE id = %s"
DELETE_USER: Final = "DELETE FROM shop.users WHERE id = %s"
INSERT_ORDER: Final = (
    "INSERT INTO shop.orders (customer_id, order_id, status, amount, quantity, placed_at)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
UPDATE_STATUS: Final = "UPDATE shop.orders SET status = %s WHERE customer_id = %s AND order_id = %s"
DELETE_ORDER: Final = "DELETE FROM shop.orders WHERE customer_id = %s AND order_id = %s"

_NAMES: Final = ("Ada", "Grace", "Edsger", "Barbara", "Donald", "Leslie", "Radia", "Tony")


def user_row(user_id: UUID, number: int) -> tuple[object, ...]:
    """Return the values of `INSERT_USER` for a made-up user."""
    name = _NAMES[number % len(_NAMES)]
    return (
        user_id,
        f"{name} {number}",
        f"{name.lower()}.{number}@example.com",
        20 + number % 60,
        Decimal(number) / 100,
        now(),
        {"demo", f"group-{number % 5}"},
        {"source": "demo", "number": str(number)},
    )


def order_row(customer_id: UUID, generator: random.Random) -> tuple[object, ...]:
    """Return the values of `INSERT_ORDER` for a made-up order."""
    amount = Decimal(generator.randrange(100, 100_000)) / 100
    return (customer_id, uuid1(), "placed", amount, generator.randrange(1, 10), now())


def new_id() -> UUID:
    """Return a fresh key."""
    return uuid4()


def now() -> datetime:
    """Return the present time in milliseconds, the resolution of a CQL timestamp."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
