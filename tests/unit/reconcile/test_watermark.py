from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconcile.errors import ConfigError
from reconcile.model import PipelineSettings, TableRef
from reconcile.watermark import (
    CLOCK_MARGIN,
    NotKnownError,
    TimeOnly,
    Topic,
    TopicRecord,
    Watermark,
    milliseconds,
    open_watermark,
    parse_sink_offsets,
    parse_source_offsets,
)
from tests.unit.reconcile.fake_source import time_id

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TABLE = TableRef("shop.users", "public.users", "cdc.shop.users")
SETTINGS = PipelineSettings("http://connect:8083", "source", "sink", "kafka:9092")


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def source_entry(moment: datetime | None, vnode: int = 0, generation: int = 1, table: str = "users") -> dict[str, Any]:
    return {
        "partition": {
            "keyspace_name": "shop",
            "table_name": table,
            "generation_start": generation,
            "vnode_id": vnode,
        },
        "offset": None if moment is None else {"window_start": str(time_id(ms(moment)))},
    }


def sink_entry(offset: int | None, partition: int = 0, topic: str = "cdc.shop.users") -> dict[str, Any]:
    return {
        "partition": {"kafka_topic": topic, "kafka_partition": partition},
        "offset": None if offset is None else {"kafka_offset": offset},
    }


@dataclass
class FakePipeline:
    """Kafka Connect and a topic of one partition."""

    source: list[dict[str, Any]] = field(default_factory=lambda: [source_entry(NOW)])
    sink: list[dict[str, Any]] = field(default_factory=lambda: [sink_entry(10)])
    end: int = 10
    waiting: TopicRecord | None = None
    """The first record that the sink has not committed."""
    status: int = 200
    newest_generation_ms: int | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.status != 200:
            return httpx.Response(self.status, json={"message": "no"})
        name = request.url.path.split("/")[2]
        return httpx.Response(200, json={"offsets": {"source": self.source, "sink": self.sink}[name]})

    def ends(self) -> dict[int, int]:
        return {0: self.end}

    def first_record(self, partition: int, offset: int | None, end: int) -> TopicRecord | None:
        assert partition == 0
        assert offset is None or offset < end
        return self.waiting

    def close(self) -> None:
        pass

    def watermark(self) -> Watermark:
        def topic(servers: str, name: str) -> Topic:
            assert (servers, name) == ("kafka:9092", "cdc.shop.users")
            return self

        transport = httpx.MockTransport(self.answer)
        watermark = open_watermark(SETTINGS, TABLE, topic, lambda _: self.newest_generation_ms, transport)
        watermark.now = lambda: NOW + timedelta(seconds=30)  # type: ignore[attr-defined]
        return watermark


def test_a_time_id_is_read_to_the_millisecond() -> None:
    assert milliseconds(str(time_id(1_700_000_000_123))) == 1_700_000_000_123


def test_the_source_is_as_far_as_its_slowest_part() -> None:
    entries = [source_entry(NOW, 0), source_entry(NOW - timedelta(seconds=9), 1), source_entry(NOW, 2)]

    assert parse_source_offsets({"offsets": entries}, TABLE).window_start == NOW - timedelta(seconds=9)


def test_generations_that_have_ended_do_not_count() -> None:
    entries = [source_entry(NOW - timedelta(days=1), generation=1), source_entry(NOW, generation=2)]

    position = parse_source_offsets({"offsets": entries}, TABLE)

    assert (position.generation_ms, position.window_start) == (2, NOW)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "no offsets for shop.users yet"),
        ([source_entry(NOW, table="orders")], "no offsets for shop.users yet"),
        ([source_entry(None)], "no offsets for shop.users yet"),
        ([source_entry(NOW, 0), source_entry(NOW, 2)], "no offset for part 1"),
    ],
)
def test_a_part_without_an_offset_is_no_progress(entries: list[Mapping[str, Any]], words: str) -> None:
    with pytest.raises(NotKnownError, match=words):
        parse_source_offsets({"offsets": entries}, TABLE)


def test_offsets_of_other_topics_do_not_count() -> None:
    entries = [sink_entry(7, 0), sink_entry(9, 1), sink_entry(None, 2), sink_entry(99, 0, "cdc.shop.orders")]

    assert parse_sink_offsets({"offsets": entries}, "cdc.shop.users") == {0: 7, 1: 9}


def test_the_pipeline_has_passed_when_the_source_is_behind_the_moment_and_the_sink_has_everything() -> None:
    assert FakePipeline().watermark().barrier(NOW - timedelta(seconds=2)).passed()


def test_a_source_that_is_exactly_at_the_moment_has_not_passed_for_clocks_differ() -> None:
    watermark = FakePipeline().watermark()

    assert watermark.barrier(NOW - CLOCK_MARGIN).passed()
    assert not watermark.barrier(NOW - CLOCK_MARGIN + timedelta(milliseconds=1)).passed()


def test_a_sink_that_has_not_committed_has_not_passed() -> None:
    pipeline = FakePipeline(sink=[sink_entry(9)], waiting=TopicRecord(9, NOW))

    assert not pipeline.watermark().barrier(NOW - timedelta(seconds=2)).passed()


def test_markers_of_transactions_are_not_waited_for() -> None:
    assert FakePipeline(sink=[sink_entry(9)], waiting=None).watermark().barrier(NOW - timedelta(seconds=2)).passed()


def test_a_sink_without_offsets_has_taken_nothing() -> None:
    pipeline = FakePipeline(sink=[], waiting=TopicRecord(0, NOW))

    assert not pipeline.watermark().barrier(NOW - timedelta(seconds=2)).passed()


def test_the_end_of_the_topic_is_taken_when_the_source_has_passed_and_not_later() -> None:
    pipeline = FakePipeline(sink=[sink_entry(9)], waiting=TopicRecord(9, NOW))
    barrier = pipeline.watermark().barrier(NOW - timedelta(seconds=2))
    assert not barrier.passed()

    pipeline.end, pipeline.sink = 500, [sink_entry(10)]

    assert barrier.passed(), "what came into the topic since says nothing about the moment"


def test_a_source_that_does_not_know_the_newest_streams_has_not_passed() -> None:
    pipeline = FakePipeline(newest_generation_ms=2)
    barrier = pipeline.watermark().barrier(NOW - timedelta(seconds=2))
    assert not barrier.passed()

    pipeline.source = [source_entry(NOW, generation=2)]

    assert barrier.passed()


def test_lag_is_the_sources_or_the_sinks_whichever_is_larger() -> None:
    assert FakePipeline().watermark().lag_seconds() == pytest.approx(30, abs=0.01)
    behind = FakePipeline(sink=[sink_entry(9)], waiting=TopicRecord(9, NOW - timedelta(seconds=60)))
    assert behind.watermark().lag_seconds() == 90


def test_lag_is_not_known_while_connect_does_not_answer() -> None:
    assert FakePipeline(status=503).watermark().lag_seconds() is None


def test_a_connect_that_is_busy_is_asked_again_later() -> None:
    with pytest.raises(NotKnownError, match="answered 409"):
        FakePipeline(status=409).watermark().barrier(NOW).passed()


def test_a_connector_that_does_not_exist_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"pipeline\.source_connector"):
        FakePipeline(status=404).watermark().barrier(NOW).passed()


@pytest.mark.parametrize(
    ("settings", "table"),
    [
        (PipelineSettings(), TABLE),
        (PipelineSettings("http://connect:8083", "source", None, "kafka:9092"), TABLE),
        (PipelineSettings("http://connect:8083", "source", "sink", None), TABLE),
        (SETTINGS, TableRef("shop.users", "public.users")),
    ],
)
def test_without_a_whole_view_of_the_pipeline_time_has_to_do(settings: PipelineSettings, table: TableRef) -> None:
    def no_topic(_servers: str, _topic: str) -> Topic:
        raise AssertionError

    watermark = open_watermark(settings, table, no_topic)

    assert isinstance(watermark, TimeOnly)
    assert watermark.waits_by == "time"
    assert watermark.barrier(NOW).passed()
    assert watermark.lag_seconds() is None
