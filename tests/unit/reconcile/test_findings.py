"""Findings as text, JSON and SQL."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.findings import finding_json, finding_line, finding_sql
from reconcile.model import ColumnDifference, Difference, Kind
from tests.unit.reconcile.runs import FINDING


def extra(**key: Any) -> Any:
    return replace(FINDING, difference=Difference(tuple(key.values()), Kind.EXTRA), key=key, columns=())


def test_a_line_stays_short_however_wide_the_table_is() -> None:
    columns = tuple(ColumnDifference(f"c{n}", "x" * 1_000_000, "y" * 1_000_000, "text") for n in range(1000))

    line = finding_line(replace(FINDING, columns=columns))

    assert len(line) < 1000
    assert "and 995 more columns" in line


def test_json_cuts_long_values_and_keeps_their_fingerprints() -> None:
    columns = (ColumnDifference("c", "x" * 1000, None, "text"),)

    shown = finding_json(replace(FINDING, columns=columns))

    assert len(shown["columns"][0]["scylla"]) == 257
    assert (shown["scylla_fingerprint"], shown["pg_fingerprint"]) == ("01", "02")


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31mred", "\u202eevil", "", "two words", "NULL", "\x00"])
def test_a_value_cannot_break_the_line_nor_the_terminal(value: str) -> None:
    line = finding_line(replace(FINDING, columns=(ColumnDifference("c", value, None, "text"),)))

    assert line.isprintable()
    assert '"' in line


def test_null_and_the_text_null_look_different() -> None:
    line = finding_line(replace(FINDING, columns=(ColumnDifference("c", "NULL", None, "text"),)))

    assert 'c: "NULL" in ScyllaDB, NULL in PostgreSQL' in line


def test_emoji_and_quotes_survive_json() -> None:
    shown = finding_json(replace(FINDING, key={"id": "😀'\"\\x{}"}))

    assert json.loads(json.dumps(shown))["pk"] == {"id": "😀'\"\\x{}"}


def test_an_extra_row_becomes_a_delete_that_is_commented_out() -> None:
    line = finding_sql(extra(id="it's", seq=7), "public.users")

    assert line == """-- DELETE FROM "public"."users" WHERE "id" = 'it''s' AND "seq" = 7; -- stale_update"""


def test_other_findings_name_the_command_instead() -> None:
    assert finding_sql(FINDING, "public.users") == '-- mismatch {"id": "k"}: reconcile repair --run 4f1c'


@given(st.text(), st.text(min_size=1))
def test_no_key_leaves_the_comment(value: str, column: str) -> None:
    line = finding_sql(extra(**{column: value}), "public.users")

    assert line.startswith("-- ")
    assert len(line.splitlines()) == 1
    assert not re.search(r"[\r\n\x0b\x0c\x85\u2028\u2029]", line)
