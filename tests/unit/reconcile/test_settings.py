"""The configuration file and what is on top of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconcile.durations import parse_seconds, parse_time, show_seconds
from reconcile.errors import ConfigError
from reconcile.model import Kind, Mode, RepairPolicy
from reconcile.settings import load_settings
from reconcile.settings_text import EXAMPLES

LEAST: dict[str, Any] = {
    "scylla": {"contact_points": ["scylla:9042"], "credentials_file": "/run/scylla.properties"},
    "postgres": {"host": "postgres"},
    "tables": [{"source": "shop.users", "target": "public.users"}],
}


def written(folder: Path, **sections: Any) -> Path:
    path = folder / "reconcile.yaml"
    path.write_text(yaml.safe_dump({**LEAST, **sections}))
    return path


def refused(folder: Path, environment: dict[str, str] | None = None, **sections: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load_settings(written(folder, **sections), environment or {})
    return str(error.value)


def test_two_databases_and_a_table_are_enough(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path), {})

    assert settings.scylla.contact_points == ("scylla:9042",)
    assert settings.postgres.port == 5432
    assert settings.run.mode is Mode.FULL
    assert settings.run.page_rows == 10_000
    assert settings.run.repair is RepairPolicy.NONE
    assert settings.run.fail_on == (Kind.MISSING, Kind.MISMATCH, Kind.EXTRA)
    assert settings.schedule.cron == "0 2 * * *"
    assert settings.schedule.since == 26 * 3600


def test_settling_takes_twice_the_windows_unless_configured(tmp_path: Path) -> None:
    default = load_settings(written(tmp_path), {})
    short = load_settings(written(tmp_path, pipeline={"window_size_ms": 1000, "confidence_window_ms": 5000}), {})
    said = load_settings(written(tmp_path, run={"settle": "45s"}), {})

    assert [default.settle_seconds, short.settle_seconds, said.settle_seconds] == [120, 12, 45]


def test_the_environment_names_the_file_and_goes_over_its_values(tmp_path: Path) -> None:
    environment = {
        "RECONCILE_CONFIG": str(written(tmp_path)),
        "RECONCILE_POSTGRES__HOST": "other",
        "RECONCILE_POSTGRES__PORT": "6432",
        "RECONCILE_SCYLLA__CONTACT_POINTS": "['a:1', 'b:2']",
        "RECONCILE_RUN__MAX_RUNTIME": "3h",
        "UNRELATED__KEY": "x",
    }

    settings = load_settings(None, environment)

    assert (settings.postgres.host, settings.postgres.port) == ("other", 6432)
    assert settings.scylla.contact_points == ("a:1", "b:2")
    assert settings.run.max_runtime == 3 * 3600


@pytest.mark.parametrize("section", ["scylla", "postgres"])
def test_a_password_in_the_configuration_is_refused_and_not_shown(tmp_path: Path, section: str) -> None:
    in_file = refused(tmp_path, **{section: {**LEAST[section], "password": "tops3cret"}})
    in_environment = refused(tmp_path, {f"RECONCILE_{section.upper()}__PASSWORD": "tops3cret"})

    for said in (in_file, in_environment):
        assert f"{section}.credentials_file" in said
        assert "tops3cret" not in said


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"tables": []}, "tables: "),
        ({"tables": [{"source": "users", "target": "public.users"}]}, "two names with a dot"),
        ({"tables": [LEAST["tables"][0], LEAST["tables"][0]]}, "listed twice"),
        ({"tables": [{"source": "shop.users"}]}, "tables.0.target: is missing"),
        ({"tables": [{**LEAST["tables"][0], "ignore": ["x"]}]}, "tables[0].ignore: is not a key"),
        ({"scylla": {"contact_point": ["x"]}}, "scylla.contact_point: is not a key"),
        ({"scylla": {}}, "scylla.contact_points: is missing"),
        ({"postgres": {"host": "x", "port": "many"}}, "postgres.port"),
        ({"run": {"page_rows": 0}}, "run.page_rows"),
        ({"run": {"settle": "soon"}}, "run.settle: 'soon' is not a duration"),
        ({"run": {"repair": "some"}}, "run.repair"),
        ({"run": {"pagerows": 1}}, "run.pagerows: is not a key"),
        ({"schedule": {"time_zone": "Moon/Base"}}, "IANA"),
        ({"schedule": {"cron": "at night"}}, "schedule.cron: is not a cron expression"),
        ({"schedules": {}}, "schedules: is not a key"),
    ],
)
def test_every_problem_names_its_key(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, **sections)


def test_a_problem_shows_the_yaml_to_paste(tmp_path: Path) -> None:
    said = refused(tmp_path, schedule={"time_zone": "Moon/Base"})

    assert "    schedule:\n      time_zone: Europe/Berlin" in said


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, run={"page_rows": 0, "max_repair_ratio": 2})

    assert "run.page_rows" in said
    assert "run.max_repair_ratio" in said


def test_every_example_is_valid(tmp_path: Path) -> None:
    sections = {key: yaml.safe_load(EXAMPLES[key]) for key in ("scylla", "postgres", "tables")}
    for key in EXAMPLES:
        section, _, name = key.partition(".")
        if name:
            sections.setdefault(section, {})[name] = yaml.safe_load(EXAMPLES[key])

    load_settings(written(tmp_path, **sections), {})


@pytest.mark.parametrize("content", ["- a list\n", "a: [\n", ""])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reconcile.yaml"
    path.write_text(content)

    with pytest.raises(ConfigError, match=r"reconcile\.yaml"):
        load_settings(path, {})


def test_a_missing_file_shows_the_least_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(None, {"RECONCILE_CONFIG": str(tmp_path / "none.yaml")})

    _, _, pasted = str(error.value).partition("needs:\n")
    path = tmp_path / "pasted.yaml"
    path.write_text(pasted)
    load_settings(path, {})


def test_an_unknown_table_lists_the_known_ones(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path), {})

    assert settings.table("shop.users").target == "public.users"
    with pytest.raises(ConfigError, match=r"shop\.user is not .* shop\.users"):
        settings.table("shop.user")


NOW = datetime(2025, 12, 9, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", datetime(2025, 12, 8, 12, 0, tzinfo=UTC)),
        ("1d12h", datetime(2025, 12, 8, 0, 0, tzinfo=UTC)),
        ("2025-12-08", datetime(2025, 12, 8, tzinfo=UTC)),
        ("2025-12-08T14:30Z", datetime(2025, 12, 8, 14, 30, tzinfo=UTC)),
        ("2025-12-08T14:30+02:00", datetime(2025, 12, 8, 12, 30, tzinfo=UTC)),
    ],
)
def test_times_are_dates_or_count_back(text: str, moment: datetime) -> None:
    assert parse_time(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "24", "2025-13-01", "", "-1h"])
def test_other_times_say_what_a_time_is(text: str) -> None:
    with pytest.raises(ValueError, match="2025-12-08"):
        parse_time(text, NOW)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5h", 5400), (7, 7), ("7", 7), ("2d", 172_800)])
def test_durations_have_units(text: str | float, seconds: float) -> None:
    assert parse_seconds(text) == seconds


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        parse_seconds(-1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (45, "45s"), (125, "2m05s"), (93_600, "26h00m"), (273_600, "3d4h")]
)
def test_durations_are_shown_short(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text
