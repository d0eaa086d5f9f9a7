"""Takes items from an iterator ahead of their use, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import Full, Queue
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_STOP_CHECK_SECONDS: Final = 0.5


def prefetched(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Yield the items in their order, with up to `depth` taken from the iterator in advance.

    An exception of the iterator is raised where its item would have come. Closing the generator does not wait for the
    item that is on its way.
    """
    taker = _Taker(items, depth)
    threading.Thread(target=taker.run, name="prefetch", daemon=True).start()
    try:
        while (taken := taker.ready.get()) is not None:
            item, error = taken
            if error is not None:
                raise error
            yield item
    finally:
        taker.stopped.set()


class _Taker(Generic[T]):
    """Fills a queue with items; None ends it."""

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self.ready: Queue[tuple[T, None] | tuple[Any, BaseException] | None] = Queue(depth)
        self.stopped = threading.Event()
        self._items = items

    def run(self) -> None:
        """Take until the end or an error, or until stopped."""
        try:
            for item in self._items:
                if not self._put((item, None)):
                    return
            self._put(None)
        except BaseException as error:  # noqa: BLE001 handed to the thread that asked
            self._put((None, error))

    def _put(self, taken: tuple[T, None] | tuple[Any, BaseException] | None) -> bool:
        while not self.stopped.is_set():
            try:
                self.ready.put(taken, timeout=_STOP_CHECK_SECONDS)
            except Full:
                continue
            return True
        return False
