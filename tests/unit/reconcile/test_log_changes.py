"""Which rows the CDC log says were touched."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from uuid import UUID, uuid1

from hypothesis import given
from hypothesis import strategies as st

from reconcile.log_changes import Change, KeyShape, LogRow, Operation, changes, time_ms
from reconcile.model import KeySpan

READINGS = KeyShape(1, ("int", "int"), (False, False))
USERS = KeyShape(1)


def row(operation: Operation, *key: object, at_ms: int = 1_000, ttl_seconds: int | None = None) -> LogRow:
    return LogRow(at_ms.to_bytes(16), operation, ttl_seconds, key)


def touched(shape: KeyShape, *rows: LogRow) -> list[object]:
    return [change.rows for change in changes(shape, rows)]


def test_writes_and_row_deletes_touch_their_row() -> None:
    rows = [
        row(Operation.INSERT, 1, 2, 3),
        row(Operation.UPDATE, 1, 2, 4),
        row(Operation.ROW_DELETE, 1, 2, 5),
    ]

    assert touched(READINGS, *rows) == [(1, 2, 3), (1, 2, 4), (1, 2, 5)]


def test_images_touch_nothing() -> None:
    assert touched(READINGS, row(Operation.PRE_IMAGE, 1, 2, 3), row(Operation.POST_IMAGE, 1, 2, 3)) == []


def test_a_change_tells_time_operation_and_ttl() -> None:
    found = list(changes(USERS, [row(Operation.INSERT, 7, at_ms=5, ttl_seconds=60)]))

    assert found == [Change((5).to_bytes(16), Operation.INSERT, 60, (7,))]


def test_a_partition_delete_covers_the_partition_of_a_table_with_a_clustering_key() -> None:
    assert touched(READINGS, row(Operation.PARTITION_DELETE, 1, None, None)) == [KeySpan((1,))]


def test_a_partition_delete_is_a_row_delete_where_there_is_no_clustering_key() -> None:
    assert touched(USERS, row(Operation.PARTITION_DELETE, 1)) == [(1,)]


def test_a_write_of_static_columns_touches_the_partition() -> None:
    assert touched(READINGS, row(Operation.UPDATE, 1, None, None)) == [KeySpan((1,))]


def test_a_range_with_both_bounds_covers_what_lies_between() -> None:
    rows = row(Operation.RANGE_START_INCLUSIVE, 1, 2, 3), row(Operation.RANGE_END_EXCLUSIVE, 1, 2, 9)

    assert touched(READINGS, *rows) == [KeySpan((1,), (2,), 3, 9)]


def test_a_range_over_a_prefix_covers_all_rows_with_that_prefix() -> None:
    rows = row(Operation.RANGE_START_INCLUSIVE, 1, 2, None), row(Operation.RANGE_END_INCLUSIVE, 1, 2, None)

    assert touched(READINGS, *rows) == [KeySpan((1,), (2,))]


def test_an_open_range_has_one_bound() -> None:
    rows = row(Operation.RANGE_START_EXCLUSIVE, 1, 2, 3), row(Operation.RANGE_END_INCLUSIVE, 1, 2, None)

    assert touched(READINGS, *rows) == [KeySpan((1,), (2,), 3, None)]


def test_the_bounds_of_a_descending_column_change_places() -> None:
    shape = replace(READINGS, clustering_reversed=(True, False))
    rows = row(Operation.RANGE_START_INCLUSIVE, 1, None, None), row(Operation.RANGE_END_EXCLUSIVE, 1, 5, None)

    assert touched(shape, *rows) == [KeySpan((1,), (), 5, None)]


def test_a_bound_on_text_is_widened_because_postgresql_may_sort_it_otherwise() -> None:
    shape = replace(READINGS, clustering_types=("text", "int"))
    rows = row(Operation.RANGE_START_INCLUSIVE, 1, "a", None), row(Operation.RANGE_END_EXCLUSIVE, 1, "b", None)

    assert touched(shape, *rows) == [KeySpan((1,))]


def test_half_a_range_is_taken_for_the_whole_partition() -> None:
    start, end = row(Operation.RANGE_START_INCLUSIVE, 1, 2, 3), row(Operation.RANGE_END_INCLUSIVE, 1, 2, 9)
    insert = row(Operation.INSERT, 8, 8, 8)

    assert touched(READINGS, start, insert) == [KeySpan((1,)), (8, 8, 8)]
    assert touched(READINGS, end) == [KeySpan((1,))]
    assert touched(READINGS, start) == [KeySpan((1,))]
    assert touched(READINGS, start, end._replace(time_id=b"later")) == [KeySpan((1,)), KeySpan((1,))]


def test_ranges_of_one_batch_are_kept_apart() -> None:
    rows = [
        row(Operation.RANGE_START_INCLUSIVE, 1, 2, 3),
        row(Operation.RANGE_END_INCLUSIVE, 1, 2, 4),
        row(Operation.RANGE_START_INCLUSIVE, 1, 2, 8),
        row(Operation.RANGE_END_INCLUSIVE, 1, 2, 9),
    ]

    assert touched(READINGS, *rows) == [KeySpan((1,), (2,), 3, 4), KeySpan((1,), (2,), 8, 9)]


DOMAIN = range(4)
"""Few values, so that bounds meet rows."""
bounds = st.lists(st.sampled_from(DOMAIN), max_size=2).map(tuple)


@given(low=bounds, high=bounds, inclusive=st.tuples(st.booleans(), st.booleans()), reverse=st.booleans())
def test_no_row_of_a_deleted_range_is_outside_the_span(
    low: tuple[int, ...], high: tuple[int, ...], inclusive: tuple[bool, bool], reverse: bool
) -> None:
    shape = replace(READINGS, clustering_reversed=(reverse, reverse))
    sign = -1 if reverse else 1  # bounds are in clustering order
    start = row(Operation.RANGE_START_INCLUSIVE if inclusive[0] else Operation.RANGE_START_EXCLUSIVE, 1, *pad(low))
    end = row(Operation.RANGE_END_INCLUSIVE if inclusive[1] else Operation.RANGE_END_EXCLUSIVE, 1, *pad(high))
    (span,) = touched(shape, start, end)
    assert isinstance(span, KeySpan)

    for clustering in product(DOMAIN, DOMAIN):
        ordered = tuple(sign * value for value in clustering)
        after = compare(ordered, tuple(sign * value for value in low), inclusive[0])
        before = compare(tuple(sign * value for value in high), ordered, inclusive[1], prefix_of_right=False)
        if after and before:
            assert inside(span, clustering), (clustering, span)


def pad(bound: tuple[int, ...]) -> tuple[int | None, ...]:
    return (*bound, *[None] * (2 - len(bound)))


def compare(left: tuple[int, ...], right: tuple[int, ...], inclusive: bool, *, prefix_of_right: bool = True) -> bool:
    """left > right, or equal in the bound's columns where the bound is inclusive (an empty bound is open)."""
    columns = len(right) if prefix_of_right else len(left)
    if columns == 0:
        return True
    return left[:columns] > right[:columns] or (inclusive and left[:columns] == right[:columns])


def inside(span: KeySpan, clustering: tuple[int, ...]) -> bool:
    if clustering[: len(span.prefix)] != span.prefix:
        return False
    following = clustering[len(span.prefix) :]
    return (span.low is None or following[0] >= span.low) and (span.high is None or following[0] <= span.high)


def test_the_time_of_a_time_id_is_in_milliseconds_since_1970() -> None:
    assert time_ms(UUID("13814000-1dd2-11b2-8000-000000000000").bytes) == 0
    time_id = uuid1()
    assert time_ms(time_id.bytes) == (time_id.time - 0x01B21DD213814000) // 10_000
