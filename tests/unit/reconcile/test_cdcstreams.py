"""Which streams hold the changes of a time and of a token."""

from __future__ import annotations

import pytest
from cassandra import ConsistencyLevel

from reconcile.cdcstreams import Generation, generations, newest_start_ms
from reconcile.errors import ConfigError
from tests.unit.reconcile.fake_source import TABLE, FakeSession, stream


def test_all_generations_that_overlap_the_window_are_found() -> None:
    session = FakeSession({time: [(0, {stream(time)})] for time in (4_000, 1_000, 3_000, 2_000)})

    found = generations(session, TABLE, since_ms=2_500, until_ms=4_000)

    assert [(each.start_ms, each.end_ms) for each in found] == [(2_000, 3_000), (3_000, 4_000)]
    assert [each.streams for each in found] == [(stream(2_000),), (stream(3_000),)]


def test_the_generation_in_force_at_the_start_is_among_them_and_the_last_one_has_no_end() -> None:
    session = FakeSession({1_000: [(0, {stream(1)})]})

    (found,) = generations(session, TABLE, since_ms=50_000, until_ms=60_000)

    assert (found.start_ms, found.end_ms) == (1_000, None)


def test_a_generation_that_ends_where_the_window_begins_is_not_read() -> None:
    session = FakeSession({1_000: [], 2_000: [(0, {stream(1)})]})

    assert [each.start_ms for each in generations(session, TABLE, 2_000, 3_000)] == [2_000]


def test_milliseconds_of_a_generation_are_kept() -> None:
    session = FakeSession({1_700_000_000_123: [(0, {stream(1)})]})

    assert generations(session, TABLE, 1_700_000_000_123, 1_800_000_000_000)[0].start_ms == 1_700_000_000_123


@pytest.mark.parametrize(("nodes", "level"), [(1, ConsistencyLevel.ONE), (3, ConsistencyLevel.QUORUM)])
def test_streams_are_read_as_consistently_as_the_cluster_allows(nodes: int, level: int) -> None:
    session = FakeSession({1_000: [(0, {stream(1)})]}, nodes=nodes)

    generations(session, TABLE, 1_000, 2_000)

    assert session.consistencies == {level}


def test_a_keyspace_of_tablets_has_streams_of_its_own() -> None:
    session = FakeSession(tablets={1_000: [stream(5), stream(-5)], 2_000: [stream(7)]})

    first, second = generations(session, TABLE, 1_500, 2_500)

    assert first.streams == (stream(-5), stream(5))
    assert second.streams == (stream(7),)


def test_a_cluster_without_streams_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"shop\.orders.*--mode full"):
        generations(FakeSession(), TABLE, 1_000, 2_000)


def test_a_generation_without_streams_is_refused_because_its_changes_would_be_missed() -> None:
    session = FakeSession({1_000: [(0, {stream(1)})], 2_000: []})

    with pytest.raises(ConfigError, match=r"shop\.orders.*--mode full"):
        generations(session, TABLE, 1_000, 3_000)


def test_the_streams_of_a_token_are_those_of_its_range() -> None:
    shards = stream(-100, 1), stream(-100, 2)
    generation = Generation(0, None, ((-100, shards), (0, (stream(0),)), (100, (stream(100),))))

    assert generation.streams_of(-200) == shards
    assert generation.streams_of(-100) == shards
    assert generation.streams_of(-99) == (stream(0),)
    assert generation.streams_of(100) == (stream(100),)


def test_after_the_last_range_the_ring_begins_again() -> None:
    generation = Generation(0, None, ((-100, (stream(-100),)), (100, (stream(100),))))

    assert generation.streams_of(101) == (stream(-100),)
    assert Generation(0, None, ()).streams_of(5) == ()


def test_the_newest_generation_before_a_moment_is_found() -> None:
    session = FakeSession({1_000: [], 2_000: [], 3_000: []})

    assert newest_start_ms(session, TABLE, before_ms=2_500) == 2_000
    assert newest_start_ms(session, TABLE, before_ms=1_000) is None
