"""The smoke run measures each change, and fails on changes that are late or wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from ops.errors import OpsError
from ops.outputs import parse_outputs
from ops.smoke import Clock, SmokeResult, User, demo_table_missing, measure_smoke, percentile, run_smoke
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, step


class Pipeline:
    """Source and target in one: a write shows after a delay."""

    def __init__(self, delay_seconds: float = 1.5, *, keeps_other_columns: bool = True) -> None:
        self.seconds = 0.0
        self.delay_seconds = delay_seconds
        self.keeps_other_columns = keeps_other_columns
        self.changes: list[tuple[float, str, Sequence[object]]] = []
        self.rows: dict[UUID, User] = {}

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    def execute(self, cql: str, parameters: Sequence[object] = (), *, secret: str = "") -> list[Mapping[str, object]]:
        assert not secret
        self.changes.append((self.seconds + self.delay_seconds, cql, parameters))
        return []

    def wait_for_schema_agreement(self) -> None:
        raise AssertionError

    def users(self, ids: Sequence[UUID]) -> dict[UUID, User]:
        while self.changes and self.changes[0][0] <= self.seconds:
            self._apply(*self.changes.pop(0)[1:])
        return {key: self.rows[key] for key in ids if key in self.rows}

    def _apply(self, cql: str, values: Sequence[object]) -> None:
        key = values[0] if cql.startswith(("INSERT", "DELETE")) else values[1]
        assert isinstance(key, UUID)
        if cql.startswith("INSERT"):
            self.rows[key] = User(*values[1:4])  # type: ignore[arg-type] # name, email, age
        elif cql.startswith("DELETE"):
            del self.rows[key]
        else:
            name = self.rows[key].name if self.keeps_other_columns else ""
            self.rows[key] = replace(self.rows[key], name=name, age=values[0])  # type: ignore[arg-type] # an int


def measure(pipeline: Pipeline, rows: int = 5) -> SmokeResult:
    clock = Clock(now=lambda: pipeline.seconds, wait=pipeline.wait)
    return measure_smoke(pipeline, pipeline, rows, 1000, 5000, step(), clock)


def test_each_change_of_each_row_is_measured() -> None:
    result = measure(Pipeline(delay_seconds=1.5))
    assert [len(kind) for kind in (result.insert_ms, result.update_ms, result.delete_ms)] == [5, 5, 5]
    assert all(1500 <= measured <= 1520 for measured in result.all_ms)
    assert "p50 1.5" in result.sentence()
    assert result.figures()[-1] == ("configured window + confidence", "1000 ms + 5000 ms")


def test_no_row_of_the_run_is_left() -> None:
    pipeline = Pipeline()
    measure(pipeline)
    assert pipeline.rows == {}


def test_a_change_that_does_not_arrive_is_an_error_that_counts_what_is_missing() -> None:
    with pytest.raises(OpsError, match=r"5 of 5 rows: the insert in shop\.users did not reach PostgreSQL within 180 s"):
        measure(Pipeline(delay_seconds=10_000))


def test_a_partial_update_that_overwrites_other_columns_is_an_error() -> None:
    with pytest.raises(OpsError, match="changed other columns"):
        measure(Pipeline(keeps_other_columns=False))


def test_a_percentile_is_one_of_the_measured_values() -> None:
    assert percentile([3, 1, 2], 50) == 2
    assert percentile([3, 1, 2], 99) == 3
    assert percentile([7], 50) == 7


def test_a_stack_without_the_demo_table_cannot_run_it() -> None:
    outputs = replace(parse_outputs(RAW_OUTPUTS, "prod"), tables=())
    assert "shop.users" in demo_table_missing(outputs)
    with pytest.raises(OpsError, match=r"shop\.users"):
        run_smoke(outputs, 1, step())
