"""The documented type matrix: as the type map says, and complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconcile.types import postgres_column
from tests.support import kinds
from tests.support.pipeline import PROJECT

NATIVE = (
    *("ascii", "bigint", "blob", "boolean", "counter", "date", "decimal", "double", "duration", "float", "inet"),
    *("int", "smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varchar", "varint"),
)


def rows() -> dict[str, list[str]]:
    if not kinds.DOCUMENT.exists():
        pytest.fail(f"{kinds.DOCUMENT} is missing: tests/integration/test_type_matrix.py writes it")
    lines = [line for line in kinds.DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_type_of_cql_is_there() -> None:
    types = [kind.cql_type for kind in kinds.KINDS] + list(kinds.REFUSED_TYPES)
    assert set(NATIVE) < set(types)
    assert {re.sub(r"frozen<(\w+).*", r"\1", name).partition("<")[0] for name in types} - set(NATIVE) == {
        *("list", "set", "map", "tuple", kinds.USER_TYPE, "vector")
    }
    assert len(types) == 28
    assert list(rows()) == types


def test_the_documented_columns_are_those_of_the_type_map() -> None:
    documented = rows()
    for kind in kinds.KINDS:
        assert documented[kind.cql_type][0] == f"`{postgres_column(kind.cql_type).type}`"
    for cql_type in kinds.REFUSED_TYPES:
        assert documented[cql_type][:2] == ["refused", kinds.refusal(cql_type)]


def test_long_values_are_cut_and_counted() -> None:
    assert kinds.cell("x" * 60) == f"`{'x' * 44}...` (60 characters)"
    assert [kinds.cell(text) for text in (None, "", "a|b`c")] == ["NULL", "empty text", "`a\\|b'c`"]


def test_the_document_is_named_where_the_tests_write_it() -> None:
    assert Path("docs/type-matrix.md") == kinds.DOCUMENT.relative_to(PROJECT)
