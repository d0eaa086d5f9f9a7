"""The stream of demo rows is well formed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import pytest

from ops.demo import DemoStream, run_demo, write_stream
from ops.errors import OpsError
from ops.outputs import parse_outputs
from tests.unit.ops.ops_fakes import RAW_OUTPUTS


def stream() -> Iterator[tuple[str, tuple[object, ...]]]:
    return DemoStream(random.Random(7)).statements()


def test_every_statement_has_as_many_values_as_placeholders() -> None:
    for cql, values in islice(stream(), 2000):
        assert cql.count("%s") == len(values), cql


def test_only_orders_that_exist_are_changed_or_deleted() -> None:
    orders: set[tuple[object, ...]] = set()
    kinds = set()
    for cql, values in islice(stream(), 2000):
        kinds.add(cql.split()[0])
        if cql.startswith("INSERT INTO shop.orders"):
            orders.add(tuple(values[:2]))
        elif cql.startswith("UPDATE shop.orders"):
            assert tuple(values[1:]) in orders
        elif cql.startswith("DELETE"):
            orders.remove(tuple(values))
    assert kinds == {"INSERT", "UPDATE", "DELETE"}


class Session:
    def __init__(self) -> None:
        self.statements = 0

    def execute(self, cql: str, parameters: Sequence[object] = (), *, secret: str = "") -> list[Mapping[str, object]]:
        assert cql
        assert parameters
        assert not secret
        self.statements += 1
        return []

    def wait_for_schema_agreement(self) -> None:
        raise AssertionError


def test_the_stream_stops_after_its_time_and_keeps_its_rate() -> None:
    session = Session()
    reports: list[int] = []
    written = write_stream(session, 100, 0.3, reports.append)
    assert session.statements == written
    assert 1 <= written <= 32
    assert reports[0] == 1


def test_a_stack_without_the_demo_tables_is_refused() -> None:
    with pytest.raises(OpsError, match=r"shop\.orders"):
        run_demo(replace(parse_outputs(RAW_OUTPUTS, "prod"), tables=()), 1, 1, print)
