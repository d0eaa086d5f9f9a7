"""Nothing of the reconcile package is undocumented: commands, options, exit codes, configuration, metrics, tables."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from pydantic import BaseModel

from ops import reconcile_reference
from ops.project import PROJECT_DIR
from ops.reconcile_reference import commands
from reconcile import settings as settings_module
from reconcile.errors import PRECEDENCE, ExitCode
from reconcile.migrations import load_migrations
from reconcile.model import Cause, PipelineSettings, SourceSettings, TableRef, TargetSettings
from reconcile.serve import registry
from reconcile.settings import RunDefaults, Schedule, Serve, Settings, Supervise, Tracing, load_settings
from reconcile.supervisor import Supervisor
from tests.unit.reconcile.fake_store import FakeStore
from tests.unit.reconcile.runs import config_file

GUIDE = (PROJECT_DIR / "docs" / "reconcile.md").read_text()
REFERENCE = (PROJECT_DIR / "docs" / "reconcile-reference.md").read_text()


def section(document: str, title: str) -> str:
    """The part of a document below a heading, up to the next one of the same depth or higher."""
    depth = title.index(" ")
    _, found, rest = f"\n{document}".partition(f"\n{title}\n")
    assert found, title
    return re.split(rf"\n#{{1,{depth}}} ", rest)[0]


def test_the_reference_is_current() -> None:
    assert reconcile_reference.main(["--check"]) == 0, "run python -m ops.reconcile_reference"


def test_a_reference_that_is_not_current_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "reconcile-reference.md"
    assert reconcile_reference.main(["--check"], document) == 1
    assert "python -m ops.reconcile_reference" in capsys.readouterr().err

    assert reconcile_reference.main([], document) == 0
    assert reconcile_reference.main(["--check"], document) == 0


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_in_the_guide_and_all_its_options_are_in_the_reference(name: str) -> None:
    described = section(REFERENCE, f"### `reconcile {name}`")

    assert f"| `reconcile {name}` |" in GUIDE
    options = [option for parameter in commands()[name].params for option in parameter.opts if option != "--help"]
    assert options
    assert [option for option in options if option.startswith("-") and f"`{option}`" not in described] == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = commands()[name]

    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help] == []


def test_every_exit_code_is_in_the_guide_and_its_precedence_is_that_of_the_code() -> None:
    documented = re.findall(r"^\| (\d+) \| ", section(GUIDE, "## Commands"), re.MULTILINE)

    assert [int(code) for code in documented] == sorted(ExitCode)
    assert f"the worst code wins: {', '.join(str(int(code)) for code in PRECEDENCE)}." in GUIDE


def test_every_metric_that_is_exposed_is_in_the_reference(tmp_path: Path) -> None:
    class Runs:
        alive = True

        def next_run(self) -> None:
            return None

    settings = load_settings(config_file(tmp_path), {})
    supervisor = Supervisor("http://connect:8083", ("scylla-source",))
    shown = generate_latest(registry(settings, Runs(), FakeStore, supervisor)).decode()  # type: ignore[arg-type] # fakes
    exposed = set(re.findall(r"^# TYPE (\w+) ", shown, re.MULTILINE))

    assert len(exposed) > 10
    assert {name for name in exposed if f"| `{name}` |" not in section(REFERENCE, "## Metrics")} == set()


def test_alerts_name_metrics_that_exist() -> None:
    named = set(re.findall(r"reconcile_\w+", section(GUIDE, "## Metrics and alerts")))

    assert named
    assert {name for name in named if f"| `{name}` |" not in REFERENCE} == set()


def test_every_table_and_column_of_the_migrations_is_in_the_reference() -> None:
    statements = "\n".join(migration.statements for migration in load_migrations())
    tables = dict(re.findall(r"^CREATE TABLE (\w+) \((.*?)^\);", statements, re.MULTILINE | re.DOTALL))

    assert len(tables) >= 5
    for table, body in tables.items():
        described = section(REFERENCE, f"### `{table}`")
        assert f"`{table}`" in section(GUIDE, "## Tables")
        columns = re.findall(r"^    ([a-z]\w*) ", body, re.MULTILINE)
        assert columns
        assert [column for column in columns if f"| `{column}` |" not in described] == [], table


def test_every_added_column_is_noticed() -> None:
    """A later migration may add columns, which the reference reads from CREATE TABLE only."""
    statements = "\n".join(migration.statements for migration in load_migrations())

    assert not re.search(r"ADD COLUMN", statements, re.IGNORECASE), "teach ops/reconcile_reference.py ADD COLUMN"


def keys() -> set[str]:
    """Every key of the configuration file, except the one that is refused."""
    plain = {"scylla": SourceSettings, "postgres": TargetSettings, "pipeline": PipelineSettings, "tables[]": TableRef}
    models: dict[str, type[BaseModel]] = {
        "run": RunDefaults,
        "schedule": Schedule,
        "serve": Serve,
        "supervise": Supervise,
        "tracing": Tracing,
    }
    assert {name.rstrip("[]") for name in plain} | set(models) == set(Settings.model_fields)
    found = {f"{name}.{field.name}" for name, section_type in plain.items() for field in fields(section_type)}
    found |= {f"{name}.{field}" for name, model in models.items() for field in model.model_fields}
    return {key for key in found if key.rpartition(".")[2] not in settings_module.SECRETS}


def test_every_key_of_the_configuration_is_in_the_guide_and_no_other() -> None:
    documented = {
        key
        for row in re.findall(r"^\| (`.*?) \|", section(GUIDE, "## Configuration"), re.MULTILINE)
        for key in re.findall(r"`([^`]+)`", row)
    }

    assert documented == keys()


def test_every_cause_is_explained() -> None:
    assert [cause.value for cause in Cause if f"| `{cause.value}` |" not in GUIDE] == []


def test_the_configuration_of_the_quick_start_is_valid(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "reconcile.yaml"
    path.write_text(shown)

    assert load_settings(path, {}).tables[0].topic == "cdc.shop.users"


def test_every_command_line_in_the_guide_is_one_that_the_program_takes() -> None:
    known = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in commands().items()
    }
    used = [
        *re.findall(r'ARGS="([^"]*)"', GUIDE),
        *re.findall(r"^reconcile ([a-z].*?)(?:  +#.*)?$", GUIDE, re.MULTILINE),
    ]

    assert len(used) > 6
    for line in used:
        name, *words = line.split()
        assert {word for word in words if word.startswith("--")} <= known[name], line


def test_the_package_pins_the_same_versions_as_the_project() -> None:
    def pins(path: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        name = ""
        for line in (PROJECT_DIR / path).read_text().splitlines():
            if pinned := re.match(r"([a-z0-9-]+)==\S+", line):
                name = pinned[1]
                found[name] = [pinned[0]]
            elif "--hash=" in line:
                found[name].append(line.strip(" \\"))
        return found

    project, package = pins("requirements.lock"), pins("reconcile/requirements.lock")

    assert {"psycopg", "cassandra-driver", "typer", "distributed"} <= set(package)
    assert {name for name, pinned in package.items() if project.get(name) != pinned} == set()
    assert "pulumi" not in package


def test_the_lock_of_the_package_holds_all_that_it_asks_for() -> None:
    asked = re.findall(r"^([a-z0-9-]+)", (PROJECT_DIR / "reconcile/requirements.in").read_text(), re.MULTILINE)
    locked = re.findall(r"^([a-z0-9-]+)==", (PROJECT_DIR / "reconcile/requirements.lock").read_text(), re.MULTILINE)

    assert set(asked) <= set(locked)
