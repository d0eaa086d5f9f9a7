from __future__ import annotations

from typing import Any

import pytest

from reconcile.breaker import Differences, diagnose, trips
from reconcile.model import Kind
from reconcile.request import Limits

ALL = (Kind.MISSING, Kind.MISMATCH)


def differences(*kinds: tuple[Kind, tuple[str, ...], int]) -> Differences:
    result = Differences()
    for kind, columns, count in kinds:
        for _ in range(count):
            result.add(kind, columns, [cell(name, "1", "2") for name in columns])
    return result


def cell(name: str, source: str | None, target: str | None) -> dict[str, Any]:
    return {"name": name, "source": source, "target": target}


def test_a_few_differences_may_be_repaired() -> None:
    found = differences((Kind.MISSING, (), 5), (Kind.MISMATCH, ("a",), 5))

    assert trips(found, ALL, 100_000, Limits()) is None


def test_nothing_to_repair_never_trips() -> None:
    found = differences((Kind.EXTRA, (), 50_000))

    assert trips(found, ALL, 60_000, Limits()) is None


@pytest.mark.parametrize(("missing", "is_tripped"), [(1_000, False), (1_001, True)])
def test_more_than_the_limit_trips(missing: int, is_tripped: bool) -> None:
    reason = trips(differences((Kind.MISSING, (), missing)), ALL, 10_000_000, Limits(max_repairs=1_000))

    assert (reason is not None) is is_tripped
    if reason:
        assert "--max-repairs 1000" in reason
        assert "There are 1001 missing" in reason


def test_only_the_kinds_that_would_be_repaired_count() -> None:
    found = differences((Kind.MISSING, (), 2_000), (Kind.MISMATCH, ("a",), 1))

    assert trips(found, (Kind.MISMATCH,), 10_000_000, Limits(max_repairs=1_000)) is None
    assert trips(found, (Kind.MISSING,), 10_000_000, Limits(max_repairs=1_000))


def test_a_large_share_of_the_rows_trips() -> None:
    reason = trips(differences((Kind.MISSING, (), 51)), ALL, 5_000, Limits(max_repair_ratio=0.01))

    assert reason
    assert "51 of 5000 compared rows" in reason
    assert "--max-repair-ratio 0.01" in reason


def test_shares_of_a_small_table_say_nothing() -> None:
    assert trips(differences((Kind.MISSING, (), 500)), ALL, 999, Limits()) is None


def test_one_column_of_many_rows_is_a_wrong_mapping_whatever_the_limits_are() -> None:
    found = differences((Kind.MISMATCH, ("price",), 95), (Kind.MISMATCH, ("other",), 5))

    reason = trips(found, ALL, 1_000, Limits(max_repairs=10**6, max_repair_ratio=1))

    assert reason
    assert "column price differs in 95 of 100 mismatches and 9.5% of all rows" in reason
    assert "--ignore-columns price" in reason


@pytest.mark.parametrize(
    ("price", "other", "compared_rows"),
    [(90, 10, 1_000), (50, 0, 1_000), (95, 5, 999)],
    ids=["not one column", "few rows", "a small table"],
)
def test_one_column_is_not_blamed_without_proof(price: int, other: int, compared_rows: int) -> None:
    found = differences((Kind.MISMATCH, ("price",), price), (Kind.MISMATCH, ("other",), other))

    assert trips(found, ALL, compared_rows, Limits(max_repair_ratio=1)) is None


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([("2025-03-04T12:00:00+00:00", "2025-03-04T14:00:00+00:00")] * 3, "+2 h from ScyllaDB's"),
        ([("2025-03-04 12:00:00", "2025-03-04 06:30:00")], "-5.5 h"),
        ([("x", None), ("y", None)], "NULL everywhere"),
        ([("x", "x  "), ("y", "y ")], "blanks at the ends"),
        ([("1.234567", "1.2346"), ("0.1", "0.1001")], "the column's type rounds"),
    ],
)
def test_the_diagnosis_names_what_the_cells_have_in_common(
    samples: list[tuple[str | None, str | None]], words: str
) -> None:
    assert words in (diagnose(samples) or "")


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [("x", "y")],
        [("2025-03-04T12:00:00", "2025-03-04T12:07:00")],
        [("2025-03-04T12:00:00", "2025-03-06T15:00:00")],
        [("2025-03-04T12:00:00", "2025-03-04T13:00:00"), ("2025-03-04T12:00:00", "2025-03-04T17:00:00")],
        [(None, None), ("1", "2")],
    ],
)
def test_a_diagnosis_is_not_made_up(samples: list[tuple[str | None, str | None]]) -> None:
    assert diagnose(samples) is None
