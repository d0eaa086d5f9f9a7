"""A replay writes what the source has now, over the version seen only, and never anything older."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from reconcile.model import Key
from reconcile.replay import BATCH_ROWS, Replayed, Replayer, refusal
from reconcile.schema import TablePlan
from reconcile.target import TargetRow
from tests.unit.reconcile.fake_source import column, table_plan

PLAN = replace(table_plan(), key=(column("id", "int"),), partition_key=("id",), clustering_reversed=())
KEY: Key = (1,)


@dataclass
class Table:
    """A target table in memory, with versions, behind the connection that the replayer writes through."""

    rows: dict[Key, tuple[bytes | None, int]] = field(default_factory=dict)
    """Note and version by key."""
    xid: int = 100
    refuses: type[psycopg.Error] | None = None
    before_write: Callable[[], None] = lambda: None
    statements: list[str] = field(default_factory=list)

    def read(self, _plan: TablePlan, keys: Sequence[Key], *, with_xmin: bool = False) -> dict[Key, TargetRow]:
        assert with_xmin
        return {key: TargetRow((self.rows[key][0],), str(self.rows[key][1])) for key in keys if key in self.rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        rows = dict(self.rows)
        self.xid += 1
        try:
            yield
        except BaseException:
            self.rows = rows
            raise

    def execute(self, statement: str | sql.Composed, parameters: Sequence[Any] = ()) -> Any:
        text = statement if isinstance(statement, str) else statement.as_string(None)
        verb = text.split()[0]
        if verb in ("SET", "SELECT"):
            return SimpleNamespace(fetchall=lambda: [(str(self.xid),)])
        self.before_write()
        self.statements.append(verb)
        if self.refuses:
            raise self.refuses
        return SimpleNamespace(rowcount=int(self._write(verb, list(parameters))))

    def _write(self, verb: str, parameters: list[Any]) -> bool:
        if verb == "INSERT":
            key = (int(parameters[0]),)
            if key in self.rows:
                return False
            self.rows[key] = (parameters[1].encode(), self.xid)
            return True
        key, version = (int(parameters[-2]),), int(parameters[-1])
        if key not in self.rows or self.rows[key][1] != version:
            return False
        if verb == "DELETE":
            del self.rows[key]
        else:
            self.rows[key] = (parameters[0].encode(), self.xid)
        return True


class Source:
    """The source table: note by key."""

    def __init__(self, **notes: str) -> None:
        self.rows: dict[Key, tuple[Any, ...]] = {(int(key[1:]),): (note.encode(),) for key, note in notes.items()}

    def read(self, _plan: TablePlan, keys: Sequence[Key]) -> dict[Key, tuple[Any, ...] | None]:
        return {key: self.rows.get(key) for key in keys}


def replayer(source: Source, table: Table, **changes: Any) -> Replayer:
    options = {"write_within_seconds": 2.5, "wait": lambda _: None} | changes
    return Replayer(PLAN, source, table, table, **options)  # type: ignore[arg-type] # a connection in memory


def test_a_missing_row_is_inserted_as_the_source_has_it_now() -> None:
    table = Table()
    results = replayer(Source(k1="now"), table).replay([KEY])
    assert results[KEY].outcome is Replayed.WRITTEN
    assert table.rows[KEY][0] == b"now"


def test_a_differing_row_is_updated() -> None:
    table = Table({KEY: (b"old", 7)})
    assert replayer(Source(k1="now"), table).replay([KEY])[KEY].outcome is Replayed.WRITTEN
    assert table.rows[KEY][0] == b"now"
    assert table.statements == ["UPDATE"]


def test_equal_rows_are_not_touched() -> None:
    table = Table({KEY: (b"now", 7)})
    assert replayer(Source(k1="now"), table).replay([KEY])[KEY].outcome is Replayed.EQUAL
    assert table.statements == []


def test_what_the_sink_writes_meanwhile_is_not_overwritten() -> None:
    source, table = Source(k1="second"), Table({KEY: (b"first", 7)})

    def sink_writes() -> None:
        source.rows[KEY] = (b"third",)
        table.rows[KEY] = (b"third", 50)
        table.before_write = lambda: None

    table.before_write = sink_writes
    assert replayer(source, table).replay([KEY])[KEY].outcome is Replayed.EQUAL
    assert table.rows[KEY] == (b"third", 50)


def test_an_insert_of_the_sink_wins_over_ours() -> None:
    source, table = Source(k1="second"), Table()

    def sink_inserts() -> None:
        table.rows[KEY] = (b"second", 50)
        table.before_write = lambda: None

    table.before_write = sink_inserts
    assert replayer(source, table).replay([KEY])[KEY].outcome is Replayed.EQUAL
    assert table.rows[KEY] == (b"second", 50)


def test_an_insert_is_taken_back_when_the_source_has_deleted_the_row() -> None:
    source, table = Source(k1="now"), Table()

    def source_deletes() -> None:
        source.rows.clear()
        table.before_write = lambda: None

    table.before_write = source_deletes
    assert replayer(source, table).replay([KEY])[KEY].outcome is Replayed.EQUAL
    assert table.rows == {}
    assert table.statements == ["INSERT", "DELETE"]


def test_a_row_that_only_postgresql_has_stays_without_a_delete_in_hand() -> None:
    table = Table({KEY: (b"left", 7)})
    result = replayer(Source(), table).replay([KEY])[KEY]
    assert result.outcome is Replayed.EXTRA
    assert not result.outcome.is_done
    assert KEY in table.rows


def test_a_delete_in_hand_deletes_the_version_seen() -> None:
    table = Table({KEY: (b"left", 7)})
    assert replayer(Source(), table).replay([KEY], deletable={KEY})[KEY].outcome is Replayed.DELETED
    assert table.rows == {}


def test_a_delete_in_hand_does_not_delete_a_row_that_the_source_has() -> None:
    table = Table({KEY: (b"old", 7)})
    assert replayer(Source(k1="again"), table).replay([KEY], deletable={KEY})[KEY].outcome is Replayed.WRITTEN
    assert table.rows[KEY][0] == b"again"


def test_a_row_that_keeps_changing_is_given_up() -> None:
    source, table, versions = Source(k1="x"), Table({KEY: (b"first", 7)}), iter(range(50, 99))

    def sink_writes() -> None:
        table.rows[KEY] = (b"other", next(versions))

    table.before_write = sink_writes
    pauses: list[float] = []
    result = replayer(source, table, wait=pauses.append).replay([KEY])[KEY]
    assert result.outcome is Replayed.CHANGING
    assert pauses == [1.0, 2.0, 4.0]


def test_a_row_that_postgresql_still_refuses_says_why_without_values() -> None:
    table = Table(refuses=psycopg.errors.CheckViolation)
    result = replayer(Source(k1="secret"), table).replay([KEY])[KEY]
    assert result.outcome is Replayed.REFUSED
    assert result.detail == "SQLSTATE 23514 (CheckViolation)"


def test_a_value_that_postgresql_cannot_hold_is_refused_before_it_is_sent() -> None:
    table = Table()
    result = replayer(Source(k1="nul \0 byte"), table).replay([KEY])[KEY]
    assert result.outcome is Replayed.REFUSED
    assert "cannot hold" in result.detail
    assert table.statements == []


def test_a_locked_row_is_tried_again() -> None:
    table = Table({KEY: (b"old", 7)}, refuses=psycopg.errors.LockNotAvailable)

    def released(_: float) -> None:
        table.refuses = None

    assert replayer(Source(k1="now"), table, wait=released).replay([KEY])[KEY].outcome is Replayed.WRITTEN


def test_a_write_that_took_too_long_is_rolled_back() -> None:
    table, times = Table({KEY: (b"old", 7)}), iter([0.0, 3.0, 10.0, 10.1])
    waits: list[float] = []
    result = replayer(Source(k1="now"), table, clock=lambda: next(times), wait=waits.append).replay([KEY])[KEY]
    assert result.outcome is Replayed.WRITTEN
    assert len(waits) == 1
    assert table.statements == ["UPDATE", "UPDATE"]


def test_one_refused_row_does_not_keep_the_others_back() -> None:
    source = Source(k1="fine", k2="nul \0 byte", k3="fine")
    table = Table()
    results = replayer(source, table).replay([(1,), (2,), (3,)])
    assert [result.outcome for result in results.values()] == [Replayed.WRITTEN, Replayed.REFUSED, Replayed.WRITTEN]


def test_many_keys_are_done_in_batches_and_none_is_left_out() -> None:
    notes = {f"k{number}": "x" for number in range(2 * BATCH_ROWS + 1)}
    results = replayer(Source(**notes), Table()).replay([(number,) for number in range(2 * BATCH_ROWS + 1)])
    assert len(results) == 2 * BATCH_ROWS + 1
    assert {result.outcome for result in results.values()} == {Replayed.WRITTEN}


@pytest.mark.parametrize("error", [psycopg.errors.UniqueViolation(), psycopg.errors.NumericValueOutOfRange()])
def test_a_refusal_names_the_sqlstate(error: psycopg.Error) -> None:
    assert refusal(error) == f"SQLSTATE {error.sqlstate} ({type(error).__name__})"
