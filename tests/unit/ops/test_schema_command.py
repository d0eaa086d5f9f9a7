"""`cdc schema`: what is compared, what is printed, how it ends, and that `up` refuses what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import yaml
from typer.testing import CliRunner

from components.schema_check import Kind
from components.scylla.session import ScyllaUnreachableError
from ops import up as up_module
from ops.cli import app
from ops.errors import OpsError
from ops.outputs import StackOutputs, parse_outputs
from ops.schema import cli, stack
from ops.schema.check import SchemaReport, Services, check_tables, declared_tables
from ops.workspace import Workspace
from tests.unit.ops.ops_fakes import RAW_OUTPUTS, FakeRunner, fake_workspace

RUNNER = CliRunner()
USERS: dict[str, Any] = {"source": "shop.users", "target": "public.users", "partitionKey": ["id"]}


@dataclass
class World:
    """A stack's services from memory: CQL and PostgreSQL types by column, and a registry that knows no subject."""

    source: dict[str, str] | None = field(default_factory=lambda: {"id": "uuid", "name": "text"})
    target: dict[str, str] | None = field(default_factory=lambda: {"id": "uuid", "name": "text"})
    entry: dict[str, Any] = field(default_factory=lambda: dict(USERS))
    columns: dict[str, str] = field(default_factory=lambda: {"id": "uuid", "name": "text"})
    cdc: dict[str, str] = field(default_factory=lambda: {"enabled": "true", "postimage": "true", "ttl": "86400"})
    forgotten: list[str] = field(default_factory=list)

    @property
    def outputs(self) -> StackOutputs:
        raw = json.loads(json.dumps(RAW_OUTPUTS))
        raw["tables"][0]["columns"] = self.columns
        return parse_outputs(raw, "dev")

    def services(self, *_: object) -> Services:
        return Services(self, self, self)  # type: ignore[arg-type]

    def report(self) -> SchemaReport:
        return check_tables(declared_tables([self.entry], self.outputs), self.services())

    def execute(self, statement: Any, _parameters: Any = ()) -> Any:
        text = statement if isinstance(statement, str) else statement.as_string(None)
        if "system_schema.tables" in text:
            return (
                [] if self.source is None else [{"default_time_to_live": 0, "extensions": {"cdc": _encode(self.cdc)}}]
            )
        if "system_schema.columns" in text:
            return [
                {
                    "column_name": name,
                    "type": cql,
                    "kind": "partition_key" if name == "id" else "regular",
                    "position": 0,
                }
                for name, cql in (self.source or {}).items()
            ]
        columns = self.target or {}
        rows = [("id",)] if "indisprimary" in text else [(name, pg, False) for name, pg in columns.items()]
        return SimpleNamespace(fetchall=lambda: rows)

    def latest(self, subject: str) -> Any:
        assert subject.startswith("cdc.shop.users-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def forget(self, subject: str) -> bool:
        self.forgotten.append(subject)
        return subject.endswith("-value")


def _encode(options: dict[str, str]) -> bytes:
    texts = [text.encode() for pair in ({"delta": "full", "preimage": "false"} | options).items() for text in pair]
    count = len(texts) // 2
    return count.to_bytes(4, "little") + b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def findings(world: World) -> list[tuple[str, str]]:
    return [(str(finding.kind), finding.text) for finding in world.report().tables[0].findings]


def test_a_table_that_fits_has_nothing_to_say() -> None:
    report = World().report()
    assert report.ok
    assert findings(World()) == []


def test_a_new_column_is_added_by_up() -> None:
    world = World(source={"id": "uuid", "name": "text", "age": "int"})
    assert findings(world) == [("change", "table public.users: column age is added as integer by the next `up`")]


def test_another_type_is_a_problem_with_its_cure() -> None:
    report = World(source={"id": "uuid", "name": "int"}).report()
    assert not report.ok
    assert "column name is text, the source needs integer. To do: write {changeType" in report.problems()[0]


def test_a_migration_in_the_configuration_turns_the_problem_into_a_change() -> None:
    world = World(source={"id": "uuid", "name": "int"})
    world.entry["migrations"] = [{"changeType": {"column": "name"}}]
    assert [kind for kind, _ in findings(world)] == ["change"]


def test_a_column_that_the_sink_has_added_is_no_problem_but_one_of_an_adopted_table_is() -> None:
    world = World(source={"id": "uuid", "ref": "uuid"}, target={"id": "uuid", "ref": "text"}, columns={"id": "uuid"})
    assert [kind for kind, _ in findings(world)] == ["change"]
    world.entry["target"] = "public.people"
    assert [kind for kind, _ in findings(world)] == ["problem"]


def test_a_table_without_cdc_is_a_problem_unless_up_cares_for_it() -> None:
    world = World(cdc={"enabled": "false", "postimage": "false", "ttl": "86400"})
    assert "CDC is not enabled" in world.report().problems()[0]
    world.entry["columns"] = {"id": "uuid", "name": "text", "age": "int"}
    assert [kind for kind, _ in findings(world)] == ["change"]


def test_tables_that_up_makes_are_no_problem() -> None:
    world = World(source=None, target=None)
    assert "does not exist" in world.report().problems()[0]
    world.entry["columns"] = {"id": "uuid"}
    assert findings(world) == [("change", "table shop.users is made by the next `up`")]


def test_a_target_that_is_missing_is_made() -> None:
    assert findings(World(target=None)) == [("change", "table public.users is made by the next `up`")]


def test_a_type_that_cannot_be_replicated_is_a_problem() -> None:
    report = World(source={"id": "uuid", "v": "vector<float, 3>"}).report()
    assert "the connector cannot read vectors" in report.problems()[0]


@pytest.mark.parametrize(
    ("entry", "said"), [({"source": "shop.users"}, "'target'"), (USERS | {"migrations": ["drop"]}, "migration 'drop'")]
)
def test_an_entry_that_cannot_be_read_is_named(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(OpsError, match=rf"tables: shop\.users: .*{said}"):
        declared_tables([entry], World().outputs)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Commands run against this world."""
    world = World()
    workspace = fake_workspace(tmp_path, FakeRunner())

    def write() -> None:
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"scylla-pg-cdc:tables": [world.entry]}}))

    def outputs(_self: Workspace, _stack: str) -> StackOutputs:
        write()
        return world.outputs

    monkeypatch.setattr(Workspace, "outputs", outputs)
    monkeypatch.setattr(cli, "Workspace", lambda: workspace)
    monkeypatch.setattr(cli, "open_registry", lambda _: world)
    monkeypatch.setattr(stack, "open_services", world.services)
    world.workspace = workspace  # type: ignore[attr-defined]
    return world


def run(*arguments: str, expected: int = 0, answer: str | None = None) -> str:
    result = RUNNER.invoke(app, ["schema", *arguments, "--stack", "dev"], input=answer, env={"COLUMNS": "200"})
    assert result.exit_code == expected, result.output
    return result.output


@pytest.mark.usefixtures("world")
def test_check_ends_well_when_rows_can_flow() -> None:
    assert "fits" in run("check")
    assert json.loads(run("check", "--format", "json")) == {
        "ok": True,
        "tables": [{"source": "shop.users", "target": "public.users", "ok": True, "findings": []}],
    }


def test_check_ends_with_one_when_they_would_stop(world: World) -> None:
    world.source = {"id": "uuid", "name": "int"}
    found = json.loads(run("check", "--format", "json", expected=1))
    assert found["ok"] is False
    assert found["tables"][0]["findings"][0]["kind"] == Kind.PROBLEM
    assert "problem" in run("check", expected=1)


def _unreachable(*_: object) -> Services:
    raise ScyllaUnreachableError("no CQL connection")


@pytest.mark.usefixtures("world")
def test_check_ends_with_two_when_nothing_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "open_services", _unreachable)
    assert "The schemas cannot be checked: no CQL connection" in run("check", expected=2)


@pytest.mark.parametrize(
    ("assumption", "code", "said"),
    [
        ("shop.users.name=int", 1, "column name is text, the source needs integer"),
        ("shop.users.age=int", 0, "column age is added as integer"),
        ("shop.users.name=", 0, "column name is not in the source"),
        ("shop.users.name=vector<float, 3>", 1, "the connector cannot read vectors"),
        ("users.name=int", 2, "names no column of a replicated table"),
        ("shop.users.name", 2, "names no column of a replicated table"),
    ],
)
@pytest.mark.usefixtures("world")
def test_a_change_can_be_asked_about_before_it_is_made(assumption: str, code: int, said: str) -> None:
    assert said in run("check", "--assume", assumption, expected=code)


def test_accept_asks_first_and_forgets_the_table_s_subjects(world: World) -> None:
    run("accept", "--table", "shop.users", answer="n\n", expected=1)
    assert world.forgotten == []
    assert "forgotten: cdc.shop.users-value" in run("accept", "--table", "shop.users", answer="y\n")
    assert world.forgotten == ["cdc.shop.users-key", "cdc.shop.users-value"]


@pytest.mark.usefixtures("world")
def test_accept_of_another_table_is_refused() -> None:
    assert "shop.x is not replicated" in run("accept", "--table", "shop.x", "--force", expected=1)


def test_up_refuses_what_does_not_fit_before_anything_is_touched(world: World) -> None:
    world.source = {"id": "uuid", "name": "int"}
    with pytest.raises(OpsError, match=r"nothing was changed:\n  - shop\.users: table public\.users: column name"):
        up_module._refuse_misfits(world.workspace, "dev")  # type: ignore[attr-defined]


@pytest.mark.parametrize("open_", [None, _unreachable])
def test_up_goes_on_when_tables_fit_or_cannot_be_seen_yet(
    world: World, monkeypatch: pytest.MonkeyPatch, open_: Callable[..., Services] | None
) -> None:
    if open_:
        monkeypatch.setattr(stack, "open_services", open_)
    up_module._refuse_misfits(world.workspace, "dev")  # type: ignore[attr-defined]


def test_services_that_do_not_answer_are_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    from ops.schema import check

    monkeypatch.setattr("ops.databases.open_session", _unreachable)
    with ExitStack() as opened, pytest.raises(ScyllaUnreachableError):
        check.open_services(World().outputs, opened)
