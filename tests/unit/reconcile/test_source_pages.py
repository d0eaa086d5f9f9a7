"""Token ranges are read page by page, through errors, in batches of the size asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cassandra import OperationTimedOut, ReadTimeout, Unauthorized
from tenacity import wait_none

from reconcile import source_pages
from reconcile.source_pages import ATTEMPTS, BATCH_BYTES, FIRST_PAGE_ROWS, PAGE_BYTES, Pager, SourceReadError
from reconcile.source_pieces import RestOfPartition, TokenRange, piece_clause, remaining
from reconcile.source_protocol import RawRows
from reconcile.tokens import MAX_TOKEN, MIN_TOKEN, split, token_of
from tests.unit.reconcile.plans import column, plan

TABLE = plan(column("id", "int"))
Range = tuple[int, int]


class Page:
    def __init__(self, rows: RawRows, paging_state: bytes | None) -> None:
        self.current_rows = rows
        self.paging_state = paging_state


class FakeSource:
    """Rows are their tokens. `fail` may raise for a request (range, first row, page rows)."""

    def __init__(self, tokens: list[int], row_bytes: int = 10, fail: Callable[..., None] = lambda *_: None) -> None:
        self._tokens = sorted(tokens)
        self._row_bytes = row_bytes
        self._fail = fail
        self.requests: list[tuple[Range, int, int]] = []

    def bind_piece(self, _plan: Any, piece: Any) -> Range:
        assert isinstance(piece, TokenRange)
        return piece.low, piece.high

    def execute_raw(self, statement: Range, paging_state: bytes | None, fetch_rows: int) -> Any:
        source = self

        class Future:
            def result(self) -> Page:
                first = int(paging_state or 0)
                source.requests.append((statement, first, fetch_rows))
                source._fail(statement, first, fetch_rows)
                rows = [(token,) for token in source._tokens if statement[0] < token <= statement[1]]
                page = RawRows(rows[first : first + fetch_rows])
                page.size_bytes = len(page) * source._row_bytes
                more = first + fetch_rows < len(rows)
                return Page(page, str(first + fetch_rows).encode() if more else None)

        return Future()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_pages, "wait_random_exponential", lambda *_: wait_none())


def read(source: FakeSource, low: int, high: int, page_rows: int = 10_000, fetch_rows: int = 5_000) -> list[list[Any]]:
    pager = Pager(source, TABLE, fetch_rows)  # type: ignore[arg-type]
    batches = [[row[0] for row in batch] for batch in pager.batches(low, high, page_rows, with_prefetch=True)]
    again = [[row[0] for row in batch] for batch in pager.batches(low, high, page_rows, with_prefetch=False)]
    assert sum(again, []) == sum(batches, [])  # noqa: RUF017 small
    return batches


def test_batches_have_the_size_asked_for_whatever_the_pages_are() -> None:
    batches = read(FakeSource(list(range(1, 2_501))), 0, 2_500, page_rows=1_000, fetch_rows=300)
    assert [len(batch) for batch in batches] == [1_000, 1_000, 500]
    assert sum(batches, []) == list(range(1, 2_501))  # noqa: RUF017 small


def test_an_empty_range_has_no_batch() -> None:
    assert read(FakeSource([]), 0, 10) == []


def test_the_lower_bound_is_left_out_and_the_upper_one_taken() -> None:
    assert read(FakeSource([0, 1, 9, 10]), 0, 9) == [[1, 9]]


def test_wide_rows_make_small_pages_and_small_batches() -> None:
    row_bytes = PAGE_BYTES // 4
    source = FakeSource(list(range(1, 1_001)), row_bytes)
    pager = Pager(source, TABLE, 5_000)  # type: ignore[arg-type]
    batches = list(pager.batches(0, 1_000, 10_000, with_prefetch=False))
    assert [fetch_rows for _, _, fetch_rows in source.requests[:2]] == [FIRST_PAGE_ROWS, 4]
    assert max(len(batch) for batch in batches[1:]) * row_bytes <= BATCH_BYTES + PAGE_BYTES
    assert sum(map(len, batches)) == 1_000


def test_narrow_rows_make_pages_of_the_size_allowed() -> None:
    source = FakeSource(list(range(1, 20_001)))
    read(source, 0, 20_000)
    assert max(fetch_rows for _, _, fetch_rows in source.requests) == 5_000


def test_a_page_that_times_out_is_asked_for_again_and_smaller() -> None:
    failures = iter([True, True, False])

    def fail(_range: Range, first: int, _fetch_rows: int) -> None:
        if first == FIRST_PAGE_ROWS and next(failures, False):
            raise ReadTimeout("slow")

    source = FakeSource(list(range(1, 3_001)), fail=fail)
    assert sum(read(source, 0, 3_000), []) == list(range(1, 3_001))  # noqa: RUF017 small
    at_the_failure = [fetch_rows for _, first, fetch_rows in source.requests if first == FIRST_PAGE_ROWS]
    assert at_the_failure[:3] == [5_000, 2_500, 1_250]


def test_a_range_that_never_answers_is_read_in_halves() -> None:
    def fail(bounds: Range, _first: int, _fetch_rows: int) -> None:
        if bounds[1] - bounds[0] > 25:
            raise OperationTimedOut

    source = FakeSource(list(range(1, 101)), fail=fail)
    assert sum(read(source, 0, 100), []) == list(range(1, 101))  # noqa: RUF017 small
    answered = {bounds for bounds, _, _ in source.requests if bounds[1] - bounds[0] <= 25}
    assert answered == set(split(0, 100, 4))


def test_a_range_that_stops_answering_is_read_on_from_its_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.source_pieces.token_of", lambda cells: int.from_bytes(cells[0], "big"))

    def fail(bounds: Range, first: int, _fetch_rows: int) -> None:
        if bounds == (0, 2_000) and first:
            raise ReadTimeout("slow")

    source = FakeSource(list(range(1, 2_001)), fail=fail)
    assert sum(read(source, 0, 2_000), []) == list(range(1, 2_001))  # noqa: RUF017 small
    assert {bounds for bounds, _, _ in source.requests} >= {(500, 1_250), (1_250, 2_000)}


def test_a_range_that_cannot_be_read_at_all_is_an_error_that_names_it() -> None:
    def fail(*_: Any) -> None:
        raise ReadTimeout("slow")

    source = FakeSource([1, 2], fail=fail)
    with pytest.raises(SourceReadError, match=r"ks\.t: cannot read tokens \(0, 1\]: ReadTimeout.*--resume"):
        list(Pager(source, TABLE, 5_000).batches(0, 2, 10, with_prefetch=False))  # type: ignore[arg-type]
    assert len(source.requests) == 2 * ATTEMPTS


def test_an_error_that_does_not_pass_is_not_tried_again() -> None:
    def fail(*_: Any) -> None:
        raise Unauthorized("no SELECT permission")

    source = FakeSource([1], fail=fail)
    with pytest.raises(Unauthorized):
        list(Pager(source, TABLE, 5_000).batches(0, 1, 10, with_prefetch=False))  # type: ignore[arg-type]
    assert len(source.requests) == 1


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


PARTITIONS = plan(column("part", "int"), column("at", "timestamp"), column("seq", "int"))
LAST = (number(1), -5, number(2))
TOKEN = token_of([number(1)])


def test_what_is_left_after_a_row_is_its_partition_and_the_tokens_behind() -> None:
    table = replace(PARTITIONS, clustering_reversed=(False, False))
    rest, *ranges = remaining(table, TokenRange(MIN_TOKEN, MAX_TOKEN), LAST)
    assert rest == RestOfPartition(LAST, TOKEN)
    assert ranges == [TokenRange(*bounds) for bounds in split(TOKEN, MAX_TOKEN, 2)]
    assert remaining(table, TokenRange(TOKEN - 1, TOKEN), LAST) == [rest]
    assert remaining(table, rest, LAST) == [rest]
    assert remaining(table, rest, None) == []


def test_a_partition_without_rows_has_no_rest() -> None:
    static_only = (number(1), None, None)
    pieces = remaining(PARTITIONS, TokenRange(MIN_TOKEN, MAX_TOKEN), static_only)
    assert all(isinstance(piece, TokenRange) for piece in pieces)


def test_a_table_without_clustering_key_goes_on_behind_the_row() -> None:
    assert remaining(TABLE, TokenRange(TOKEN - 1, TOKEN + 1), (number(1),)) == [TokenRange(TOKEN, TOKEN + 1)]


@pytest.mark.parametrize(("descending", "operator"), [(False, ">"), (True, "<")])
def test_the_rest_of_a_partition_follows_its_order(descending: bool, operator: str) -> None:
    table = replace(PARTITIONS, clustering_reversed=(descending, descending))
    clause, parameters = piece_clause(table, RestOfPartition(LAST, TOKEN))
    assert clause == f"part = ? AND (at, seq) {operator} (?, ?)"
    assert parameters == [number(1), (-5).to_bytes(8, "big", signed=True), number(2)]


def test_a_partition_sorted_in_two_directions_is_not_cut() -> None:
    table = replace(PARTITIONS, clustering_reversed=(False, True))
    assert remaining(table, TokenRange(MIN_TOKEN, MAX_TOKEN), LAST) == []


def test_a_range_is_asked_for_with_both_ends() -> None:
    clause, parameters = piece_clause(PARTITIONS, TokenRange(MIN_TOKEN, 0))
    assert clause == "token(part) >= ? AND token(part) <= ?"
    assert parameters == [(MIN_TOKEN + 1).to_bytes(8, "big", signed=True), bytes(8)]
