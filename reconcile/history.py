"""What the CDC log says about some rows: their last changes, newest first, and what they were after each."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import attrgetter
from time import monotonic
from typing import Any, Final

from cassandra.metadata import protect_name

from reconcile.cdclog import Pages, log_table
from reconcile.cdcstreams import Generation, generations
from reconcile.log_changes import Change, KeyShape, LogRow, Operation, changes
from reconcile.model import Key, KeySpan
from reconcile.schema import ColumnPlan, TablePlan
from reconcile.source import SourceClient
from reconcile.source_pages import SourceReadError
from reconcile.tokens import token_of

MOST_EVENTS: Final = 8
"""Of one row; older changes hardly explain what it looks like now."""
FILTERED_PARTITIONS: Final = 4
"""Up to so many partitions of one stream are picked out by the server; for more, the stream is read once as a whole."""
IMAGE_READS: Final = 64
"""In flight at a time."""

Row = tuple[Any, ...]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedChange:
    """A change that touched a row, and where the log has it."""

    change: Change
    stream: bytes


@dataclass
class RowHistory:
    """The last changes of one row."""

    wanted: int
    """Changes that are enough."""
    changes: list[LoggedChange] = field(default_factory=list)
    """Newest first."""
    complete: bool = False
    """There are no older ones in the log."""

    @property
    def enough(self) -> bool:
        """Nothing more is needed: enough changes, or the newest one deleted the row with others."""
        return len(self.changes) >= self.wanted or bool(self.changes and self.changes[0].change.deletes_span)


class History:
    """Reads the changes of rows in a part of the log. `step` is called between pages, and may raise."""

    def __init__(
        self, source: SourceClient, plan: TablePlan, start_ms: int, end_ms: int, step: Callable[[], None]
    ) -> None:
        self._source = source
        self._plan = plan
        self._step = step
        self._shape = KeyShape.of(plan)
        self._times = [bound.to_bytes(8, signed=True) for bound in (start_ms, end_ms)]
        self._generations = generations(source.session, plan.ref, start_ms, end_ms)

    def rows(self, wanted: Mapping[Key, int], deadline: float) -> dict[Key, RowHistory]:
        """Return the last changes of rows, at most as many as are wanted of each (and no more than MOST_EVENTS).

        Args:
            deadline: of the monotonic clock; what is not read by then is left out.
        """
        histories = {key: RowHistory(count) for key, count in wanted.items()}
        for generation in reversed(self._generations):
            for stream, keys in self._by_stream(generation, histories).items():
                try:
                    self._read_stream(stream, {key: histories[key] for key in keys}, deadline)
                except SourceReadError as error:
                    _log.warning("causes of some differences stay unknown: %s", error)
                    deadline = 0.0
        for history in histories.values():
            history.complete = monotonic() < deadline and not history.enough
        return histories

    def images(self, events: Sequence[tuple[Key, LoggedChange]]) -> Iterator[Row | None]:
        """Yield, for each row and change, the raw values of the row after the change; None when there is no image."""
        columns = ", ".join(protect_name(column.name) for column in self._plan.columns)
        statement = self._source.prepare(
            f'SELECT "cdc$operation", {columns} FROM {log_table(self._plan.ref)} '  # noqa: S608 names are quoted
            'WHERE "cdc$stream_id" = ? AND "cdc$time" = ?'
        )
        ahead: deque[tuple[Key, Pages]] = deque()
        following = iter(events)
        while True:
            while len(ahead) < IMAGE_READS and (event := next(following, None)) is not None:
                key, logged = event
                bound = statement.bind([logged.stream, logged.change.time_id])
                ahead.append((key, Pages(self._source, self._plan, bound)))
            if not ahead:
                return
            self._step()
            yield self._image(*ahead.popleft())

    def _image(self, key: Key, pages: Pages) -> Row | None:
        try:
            rows = list(chain.from_iterable(pages))
        except SourceReadError as error:
            _log.warning("causes of some differences stay unknown: %s", error)
            return None
        width = len(self._plan.key)
        for operation, *cells in rows:
            if operation[0] == Operation.POST_IMAGE and self._plan.source_key(cells) == key:
                return tuple(map(_base_cell, self._plan.values, cells[width:]))
        return None

    def _by_stream(self, generation: Generation, histories: Mapping[Key, RowHistory]) -> dict[bytes, list[Key]]:
        found: dict[bytes, list[Key]] = defaultdict(list)
        for key, history in histories.items():
            if not history.enough:
                for stream in generation.streams_of(self._token(key)):
                    found[stream].append(key)
        return found

    def _token(self, key: Key) -> int:
        parts = zip(self._plan.key[: self._shape.partition_columns], key, strict=False)
        return token_of([column.rule.to_cql(value) or b"" for column, value in parts])

    def _read_stream(self, stream: bytes, histories: Mapping[Key, RowHistory], deadline: float) -> None:
        partitions: dict[Key, list[Key]] = defaultdict(list)
        for key in histories:
            partitions[self._shape.partition(key)].append(key)
        if len(partitions) <= FILTERED_PARTITIONS:
            for partition, keys in partitions.items():
                self._collect(stream, {partition: keys}, histories, deadline, partition)
        else:
            self._collect(stream, partitions, histories, deadline)

    def _collect(
        self,
        stream: bytes,
        partitions: Mapping[Key, list[Key]],
        histories: Mapping[Key, RowHistory],
        deadline: float,
        only: Key = (),
    ) -> None:
        waiting = sum(len(keys) for keys in partitions.values())
        for change in self._newest_first(stream, only, deadline):
            rows = change.rows
            partition = rows.partition if isinstance(rows, KeySpan) else self._shape.partition(rows)
            candidates = partitions.get(partition, ()) if isinstance(rows, KeySpan) else [rows]
            for key in candidates:
                history = histories.get(key)
                if history is None or history.enough or not self._shape.covers(change, key):
                    continue
                history.changes.append(LoggedChange(change, stream))
                waiting -= history.enough
            if not waiting:
                return

    def _newest_first(self, stream: bytes, only: Key, deadline: float) -> Iterator[Change]:
        """Changes of a stream, or of one of its partitions, from the end of the log to its beginning."""
        names = [protect_name(column.name) for column in self._plan.key]
        where = "".join(f" AND {name} = ?" for name in names[: len(only)])
        statement = self._source.prepare(
            f'SELECT "cdc$time", "cdc$operation", "cdc$ttl", {", ".join(names)} FROM {log_table(self._plan.ref)} '  # noqa: S608
            'WHERE "cdc$stream_id" = ? AND "cdc$time" >= minTimeuuid(?) AND "cdc$time" < minTimeuuid(?)'
            f'{where} AND "cdc$operation" < 9 ORDER BY "cdc$time" DESC ALLOW FILTERING{self._source.options}'
        )
        parts = [column.rule.to_cql(value) for column, value in zip(self._plan.key, only, strict=False)]
        pages = Pages(self._source, self._plan, statement.bind([stream, *self._times, *parts]))
        for _, batch in groupby(self._log_rows(pages, deadline), key=attrgetter("time_id")):
            # A batch has one time; within it, as in the log: the start of a range before its end.
            yield from reversed(list(changes(self._shape, reversed(list(batch)))))

    def _log_rows(self, pages: Pages, deadline: float) -> Iterator[LogRow]:
        for page in pages:
            self._step()
            if monotonic() >= deadline:
                return
            for time_id, operation, ttl, *key in page:
                yield LogRow(time_id, operation[0], int.from_bytes(ttl) if ttl else None, self._plan.source_key(key))


def _base_cell(column: ColumnPlan, cell: Any) -> Any:
    """A cell of the log as the table itself would hold it: lists that are not frozen are maps by time id in the log."""
    value_type = column.rule.value_type
    if value_type.name != "list" or value_type.frozen or not cell:
        return cell
    count, position, items = int.from_bytes(cell[:4]), 4, []
    for index in range(2 * count):
        length = int.from_bytes(cell[position : position + 4], signed=True)
        end = position + 4 + max(length, 0)
        if index % 2:  # values follow their keys
            items.append(cell[position:end])
        position = end
    return b"".join([count.to_bytes(4), *items])
