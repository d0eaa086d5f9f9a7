"""`cdc demo`: write a stream of made-up users and orders, and show how PostgreSQL follows."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import sql

from components.scylla.session import CqlSession
from ops.databases import connected
from ops.demo_rows import (
    DELETE_ORDER,
    INSERT_ORDER,
    INSERT_USER,
    ORDERS,
    UPDATE_AGE,
    UPDATE_STATUS,
    USERS,
    new_id,
    now,
    order_row,
    user_row,
)
from ops.errors import OpsError
from ops.outputs import StackOutputs

DEFAULT_RATE_PER_SECOND: Final = 20.0
DEFAULT_DURATION_SECONDS: Final = 60.0
_REPORT_SECONDS: Final = 2.0
_MOST_OPEN_ORDERS: Final = 500

Statement = tuple[str, tuple[object, ...]]


@dataclass
class DemoStream:
    """An endless mix: mostly new orders, some that change status or go away, now and then a user."""

    generator: random.Random

    def statements(self) -> Iterator[Statement]:
        """Yield one CQL statement after the other."""
        users: list[UUID] = []
        orders: list[tuple[UUID, UUID]] = []
        number = 0
        while True:
            number += 1
            dice = self.generator.random()
            if not users or dice < 0.10:
                users.append(new_id())
                yield INSERT_USER, user_row(users[-1], number)
            elif dice < 0.20:
                yield UPDATE_AGE, (self.generator.randrange(18, 90), self.generator.choice(users))
            elif orders and (dice < 0.30 or len(orders) > _MOST_OPEN_ORDERS):
                yield DELETE_ORDER, orders.pop(self.generator.randrange(len(orders)))
            elif orders and dice < 0.50:
                status = self.generator.choice(("paid", "packed", "shipped"))
                yield UPDATE_STATUS, (status, *self.generator.choice(orders))
            else:
                row = order_row(self.generator.choice(users), self.generator)
                orders.append((row[0], row[1]))  # type: ignore[arg-type] # the keys are UUIDs
                yield INSERT_ORDER, row


def run_demo(outputs: StackOutputs, rate_per_second: float, duration_seconds: float, say: Callable[[str], None]) -> int:
    """Write at the given rate for the given time (0: until interrupted) and return the number of statements.

    Raises:
        OpsError: The stack does not replicate the demo tables.
    """
    orders = outputs.table(ORDERS)
    if outputs.table(USERS) is None or orders is None:
        raise OpsError(f"The demo needs the tables {USERS} and {ORDERS}, which this stack lacks.")
    newest = sql.SQL("SELECT max(placed_at) FROM {}").format(sql.Identifier(*orders.target.split(".")))
    with connected(outputs) as (session, target):

        def report(written: int) -> None:
            latest = target.execute(newest).fetchone()
            say(f"{written} changes written; {_behind(latest[0] if latest else None)}")

        return write_stream(session, rate_per_second, duration_seconds, report)


def write_stream(
    session: CqlSession, rate_per_second: float, duration_seconds: float, report: Callable[[int], None]
) -> int:
    """Write the stream, calling `report` every two seconds, and return the number of statements."""
    began = report_due = time.monotonic()
    written = 0
    for cql, values in DemoStream(random.Random()).statements():  # noqa: S311 made-up data, no secret
        elapsed_seconds = time.monotonic() - began
        if duration_seconds and elapsed_seconds >= duration_seconds:
            break
        ahead_seconds = written / rate_per_second - elapsed_seconds
        if ahead_seconds > 0:
            time.sleep(ahead_seconds)
        session.execute(cql, values)
        written += 1
        if time.monotonic() >= report_due:
            report_due = time.monotonic() + _REPORT_SECONDS
            report(written)
    return written


def _behind(latest: object) -> str:
    if not isinstance(latest, datetime):
        return "PostgreSQL has no order yet"
    lag_seconds = (now() - latest.astimezone(now().tzinfo)).total_seconds()
    return f"the newest order in PostgreSQL was placed {lag_seconds:.1f} s ago"
