"""Which parts of the CDC log an incremental run reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

import pytest

from reconcile.errors import ConfigError
from reconcile.incremental import SLICE_MS, LogExpiredError, log_unit, plan_units
from reconcile.model import ScanOptions, Unit, UnitKind
from reconcile.schema import TablePlan
from reconcile.source import SourceClient
from tests.unit.reconcile.fake_source import FakeSession, FakeSource, FakeTarget, stream, table_plan, time_id

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000
HOUR = timedelta(hours=1)
STREAMS = stream(-5), stream(5)


@pytest.fixture(autouse=True)
def _frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconcile.incremental.time", NOW.timestamp)


def source(
    *, enabled_ms: int = NOW_MS - 200 * HOUR_MS, generations_ms: tuple[int, ...] = (0,), log_id: UUID | None = None
) -> SourceClient:
    fake = FakeSource()
    fake.session = FakeSession(
        {start: [(0, {stream(-5, number)}), (9, {stream(5, number)})] for number, start in enumerate(generations_ms)},
        log_id=log_id or time_id(enabled_ms),
    )
    return cast(SourceClient, fake)


def units(client: SourceClient, since: datetime, until: datetime = NOW, **plan: Any) -> list[Unit]:
    return plan_units(client, table_plan(**plan), since, until, confidence_seconds=60)


def test_the_window_is_cut_into_slices_without_gap_or_overlap_up_to_what_is_settled() -> None:
    found = units(source(), NOW - HOUR)

    assert [unit.number for unit in found] == list(range(12))
    assert {unit.kind for unit in found} == {UnitKind.LOG}
    assert found[0].low == NOW_MS - HOUR_MS
    assert all(before.high == after.low for before, after in pairwise(found))
    assert all(unit.high - unit.low <= SLICE_MS for unit in found)
    assert found[-1].high == NOW_MS - 60_000
    assert {unit.streams for unit in found} == {STREAMS}


def test_until_ends_the_window_when_it_is_earlier() -> None:
    assert units(source(), NOW - HOUR, NOW - HOUR / 2)[-1].high == NOW_MS - HOUR_MS // 2


def test_the_same_window_gives_the_same_units() -> None:
    assert units(source(), NOW - HOUR) == units(source(), NOW - HOUR)


def test_a_change_of_generation_splits_a_slice_and_each_part_reads_its_own_streams() -> None:
    change_ms = NOW_MS - HOUR_MS + SLICE_MS // 2

    found = units(source(generations_ms=(0, change_ms)), NOW - HOUR)

    assert [(unit.low, unit.high) for unit in found[:2]] == [
        (NOW_MS - HOUR_MS, change_ms),
        (change_ms, NOW_MS - HOUR_MS + SLICE_MS),
    ]
    assert found[0].streams == (stream(-5, 0), stream(5, 0))
    assert {unit.streams for unit in found[1:]} == {(stream(-5, 1), stream(5, 1))}


def test_many_streams_are_read_in_several_units_of_longer_slices() -> None:
    fake = source()
    many = {stream(number) for number in range(6_000)}
    cast(Any, fake).session.vnodes = {0: [(0, many)]}

    found = units(fake, NOW - 23 * HOUR)

    first = [unit for unit in found if unit.low == found[0].low]
    assert {each for unit in first for each in unit.streams} == many
    assert max(len(unit.streams) for unit in found) == 256
    slices = {unit.low for unit in found}
    assert len(slices) * len(many) <= 1_100_000


def test_since_before_the_log_s_ttl_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"shop\.orders.*cdc ttl is 24h00m.*--since 2026-11-20T12:05Z.*--mode full"):
        units(source(), NOW - 25 * HOUR)


def test_a_log_without_ttl_goes_back_to_when_cdc_was_enabled() -> None:
    enabled_ms = NOW_MS - 200 * HOUR_MS

    assert units(source(enabled_ms=enabled_ms), NOW - 199 * HOUR, cdc_ttl_seconds=0)
    with pytest.raises(ConfigError, match="CDC was enabled at 2026-11-13T04:00:00"):
        units(source(enabled_ms=enabled_ms), NOW - 201 * HOUR, cdc_ttl_seconds=0)


def test_since_before_cdc_was_enabled_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"CDC was enabled at 2026-11-21T10:00:00.*--since 2026-11-21T10:01Z"):
        units(source(enabled_ms=NOW_MS - 2 * HOUR_MS), NOW - 3 * HOUR)


def test_a_log_table_whose_id_tells_no_time_is_trusted_for_its_ttl() -> None:
    random_id = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")

    assert units(source(log_id=random_id), NOW - 23 * HOUR)


def test_a_table_without_cdc_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"CDC is not enabled.*--mode full"):
        units(source(), NOW - HOUR, cdc_enabled=False)


def test_a_window_that_is_not_settled_yet_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nothing to compare.*1m00s.*earlier --since"):
        units(source(), NOW - timedelta(seconds=30))


def test_rows_that_expired_in_the_window_are_read_where_they_were_written() -> None:
    found = units(source(), NOW - HOUR, default_ttl_seconds=10 * 3600)

    times = [(unit.low, unit.high) for unit in found]
    written = [(low, high) for low, high in times if high <= NOW_MS - 2 * HOUR_MS]
    assert written[0][0] == NOW_MS - 11 * HOUR_MS - 60_000
    assert written[-1][1] == NOW_MS - 10 * HOUR_MS  # an hour less than the window, and the slack of a minute
    assert times[len(written)][0] == NOW_MS - HOUR_MS


def test_a_short_default_ttl_only_moves_the_start_of_the_window() -> None:
    found = units(source(), NOW - HOUR, default_ttl_seconds=600)

    assert found[0].low == NOW_MS - HOUR_MS - 600_000 - 60_000
    assert all(before.high == after.low for before, after in pairwise(found))


def test_expiries_of_what_the_log_has_forgotten_are_left_to_full_runs() -> None:
    assert units(source(), NOW - HOUR, default_ttl_seconds=30 * 86_400) == units(source(), NOW - HOUR)


def test_a_unit_whose_slice_has_expired_fails_instead_of_passing_for_clean() -> None:
    plan: TablePlan = table_plan()
    unit = Unit(0, UnitKind.LOG, NOW_MS - 24 * HOUR_MS - 1, NOW_MS - 23 * HOUR_MS, STREAMS)

    with pytest.raises(LogExpiredError, match=r"shop\.orders.*no longer holds.*--mode full"):
        log_unit(source(), cast(Any, FakeTarget()), plan, unit, ScanOptions())
