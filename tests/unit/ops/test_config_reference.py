"""The configuration reference is current, and names meaning, unit and default of every key."""

from pathlib import Path

import pytest
import yaml

from ops.config_reference import main, render, sections, unit
from ops.project import PROJECT_DIR

PROJECT = PROJECT_DIR / "Pulumi.yaml"


def test_the_committed_reference_is_current() -> None:
    assert main(["--check"]) == 0


def test_a_stale_reference_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "configuration.md"
    document.write_text("old")
    assert main(["--check"], document=document) == 1
    assert "python -m ops.config_reference" in capsys.readouterr().err
    assert main([], document=document) == 0
    assert main(["--check"], document=document) == 0


def test_every_key_of_the_schema_is_listed_once() -> None:
    text = PROJECT.read_text()
    listed = [key for _, keys in sections(text) for key in keys]
    assert listed == list(yaml.safe_load(text)["config"])
    document = render(text)
    assert all(document.count(f"\n| `{key}` |") == 1 for key in listed)


def test_every_key_has_a_description() -> None:
    schema = yaml.safe_load(PROJECT.read_text())["config"]
    assert [key for key, value in schema.items() if not value.get("description")] == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [("windowSizeMs", "ms"), ("connectHeapMb", "MiB"), ("cdcTtlSeconds", "s"), ("dlqRetentionHours", "h"), ("x", "")],
)
def test_the_unit_is_read_from_the_name(key: str, expected: str) -> None:
    assert unit(key) == expected
