"""Items are taken ahead of their use, in order, and not without end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from reconcile.prefetch import prefetched

DEADLINE_SECONDS = 10


def wait_for(condition: threading.Event) -> None:
    assert condition.wait(DEADLINE_SECONDS)


def test_items_come_in_their_order() -> None:
    assert list(prefetched(iter(range(1000)), 3)) == list(range(1000))
    assert list(prefetched(iter([]), 3)) == []
    assert list(prefetched(iter([None, 0]), 3)) == [None, 0]


def test_the_next_item_is_taken_before_it_is_asked_for() -> None:
    second_taken = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_taken.set()
        yield 2

    with closing(prefetched(items(), 2)) as ahead:
        assert next(ahead) == 1
        wait_for(second_taken)


def test_no_more_than_the_depth_is_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for used, number in enumerate(prefetched(items(), 2)):
        assert number == used
        assert len(taken) <= used + 4  # the one used, two that wait, one in the hand


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = prefetched(items(), 5)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_closing_ends_the_thread() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    ahead = prefetched(items(), 1)
    next(ahead)
    ahead.close()
    wait_for(ended)
