"""The canary: what it counts as arrived, what it shows, and that no fault of a database stops it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconcile.canary.metrics import CanaryMetrics
from reconcile.canary.serve import RETRY_SECONDS, Reader, Writer, keep_on
from reconcile.canary.settings import CanarySettings, load_canary_settings
from reconcile.canary.watch import LONGEST_WAIT_BEATS, Beat, Watch
from reconcile.errors import ConfigError
from reconcile.model import SourceSettings, TargetSettings

START_MS = 1_000_000
SETTINGS = CanarySettings(scylla=SourceSettings(("scylla:9042",)), postgres=TargetSettings("postgres"), slots=3)


@dataclass
class Database:
    """Both sides at once: what is written is there, unless it is held back."""

    table: dict[int, int] = field(default_factory=dict)
    broken: bool = False
    opened: int = 0
    closed: int = 0

    def open(self) -> Database:
        self.opened += 1
        return self

    def write(self, beat: Beat) -> None:
        if self.broken:
            raise ConnectionError("refused\nand more")
        self.table[beat.slot] = beat.beat_ms

    def rows(self) -> Mapping[int, int]:
        if self.broken:
            raise ConnectionError("refused")
        return dict(self.table)

    def close(self) -> None:
        self.closed += 1


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Parts:
    database: Database
    clock: Clock
    watch: Watch
    metrics: CanaryMetrics
    writer: Writer
    reader: Reader

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def parts() -> Parts:
    database, clock = Database(), Clock()
    watch = Watch(SETTINGS.slots, START_MS)
    metrics = CanaryMetrics(SETTINGS, watch, lambda: START_MS + int((clock.now - 100) * 1000))
    writer = Writer(SETTINGS, watch, metrics, database.open, clock, lambda: 1.0)
    reader = Reader(SETTINGS, watch, metrics, database.open, clock)
    return Parts(database, clock, watch, metrics, writer, reader)


def test_a_latency_is_the_time_from_write_to_sight() -> None:
    watch = Watch(3, START_MS)
    beat = watch.next_beat(START_MS + 10, sent_at=5.0)

    assert watch.seen({}, 6.0) == []
    assert watch.seen({beat.slot: beat.beat_ms}, 11.5) == [6.5]
    assert watch.seen({beat.slot: beat.beat_ms}, 12.0) == []


def test_rows_may_arrive_in_any_order() -> None:
    watch = Watch(3, START_MS)
    first, second = watch.next_beat(START_MS + 1, 1.0), watch.next_beat(START_MS + 2, 2.0)

    assert watch.seen({second.slot: second.beat_ms}, 8.0) == [6.0]
    assert watch.seen({first.slot: first.beat_ms, second.slot: second.beat_ms}, 9.0) == [8.0]


def test_a_row_that_was_overwritten_on_its_way_counts_when_its_successor_is_seen() -> None:
    watch = Watch(1, START_MS)
    watch.next_beat(START_MS + 1, 1.0)
    newer = watch.next_beat(START_MS + 2, 2.0)

    assert sorted(watch.seen({0: newer.beat_ms}, 10.0)) == [8.0, 9.0]


def test_what_a_predecessor_left_is_not_taken_for_a_new_row() -> None:
    watch = Watch(3, START_MS)
    watch.begin({0: START_MS - 60_000})
    watch.next_beat(START_MS + 1, 1.0)

    assert watch.seen({0: START_MS - 60_000}, 2.0) == []
    assert watch.age_seconds(START_MS) == 60


def test_contents_grow_even_when_the_clock_does_not() -> None:
    watch = Watch(3, START_MS)

    assert watch.next_beat(START_MS, 1.0).beat_ms < watch.next_beat(START_MS - 5, 1.0).beat_ms


def test_a_pipeline_that_stands_still_does_not_fill_the_memory() -> None:
    watch = Watch(3, START_MS)
    for number in range(LONGEST_WAIT_BEATS + 10):
        watch.next_beat(START_MS + number, 1.0)

    assert watch.waiting == LONGEST_WAIT_BEATS


def test_age_and_latency_show_in_the_metrics(parts: Parts) -> None:
    parts.reader.step()
    assert parts.writer.step() == SETTINGS.every_seconds
    parts.clock.now += 6

    wait = parts.reader.step()

    assert wait == 1.0, "nothing is on its way"
    assert parts.sample("cdc_end_to_end_latency_seconds_count") == 1
    assert parts.sample("cdc_end_to_end_latency_seconds_sum") == 6
    assert parts.sample("cdc_canary_write_seconds_count") == 1
    assert parts.sample("cdc_canary_up", side="scylla") == parts.sample("cdc_canary_up", side="postgres") == 1


def test_the_age_grows_while_nothing_arrives(parts: Parts) -> None:
    parts.reader.step()
    parts.clock.now += 90

    assert parts.sample("cdc_canary_age_seconds") == 90


def test_it_looks_often_while_a_row_is_on_its_way(parts: Parts) -> None:
    parts.writer.step()
    parts.database.table.clear()

    assert parts.reader.step() == SETTINGS.poll_seconds


def test_a_row_that_could_not_be_written_is_not_waited_for(parts: Parts) -> None:
    parts.database.broken = True

    assert parts.writer.step() == RETRY_SECONDS
    assert parts.watch.waiting == 0
    assert parts.sample("cdc_canary_errors_total", side="scylla") == 1
    assert parts.sample("cdc_canary_up", side="scylla") == 0
    assert parts.database.closed == 1

    parts.database.broken = False
    parts.writer.step()
    assert parts.database.opened == 2, "a new login, so that a rotation is seen"
    assert parts.sample("cdc_canary_up", side="scylla") == 1


def test_a_target_that_does_not_answer_is_asked_again_with_a_new_connection(parts: Parts) -> None:
    parts.database.broken = True
    assert parts.reader.step() == RETRY_SECONDS
    parts.database.broken = False
    parts.reader.step()

    assert parts.database.opened == 2
    assert parts.sample("cdc_canary_errors_total", side="postgres") == 1
    assert parts.sample("cdc_canary_up", side="postgres") == 1


def test_the_thread_closes_what_it_opened_when_it_is_stopped() -> None:
    stop, closed = threading.Event(), threading.Event()
    thread = keep_on(lambda: 0.0, closed.set, stop, "test")

    stop.set()
    thread.join(5)

    assert closed.is_set()


def test_a_wrong_configuration_is_named_without_its_values(tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(json.dumps({"scylla": {"contact_points": ["x:1"]}, "secret": "never shown"}))

    with pytest.raises(ConfigError) as refused:
        load_canary_settings(path)

    assert "postgres" in str(refused.value)
    assert "never shown" not in str(refused.value)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_canary_settings(tmp_path / "absent.yaml")
