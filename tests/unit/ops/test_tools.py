"""Where the Pulumi CLI and its plug-ins come from."""

import json
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.processes import Completed
from ops.tools import ToolFinder, Tools, last_json_object, parse_version, required_plugins
from tests.unit.ops.ops_fakes import FakeRunner, failed, ok, step


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


def finder(tmp_path: Path, runner: FakeRunner, *, on_path: bool = True) -> ToolFinder:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    if on_path:
        (folder / "pulumi").write_text("")
        (folder / "pulumi").chmod(0o755)
    return ToolFinder(runner, tmp_path, tmp_path / "cache", {"PATH": str(folder)})


def all_plugins() -> str:
    return json.dumps([{"name": plugin.name, "version": plugin.version} for plugin in required_plugins()])


@pytest.mark.parametrize(
    ("text", "version"),
    [("v3.250.0\n", (3, 250, 0)), ("3.251.1-dev.2", (3, 251, 1)), ("unknown", None), ("", None)],
)
def test_a_version_is_read_with_and_without_its_v(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_installed_provider_packages_name_their_plugins() -> None:
    assert {plugin.name for plugin in required_plugins()} == {"docker", "kafka", "postgresql", "vault"}


def test_a_new_enough_cli_on_path_with_its_plugins_is_used_as_it_is(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("pulumi version", ok("v3.251.0")).on("plugin ls", ok(all_plugins()))
    tools = finder(tmp_path, runner).ensure(step())
    assert tools == Tools(str(tmp_path / "bin" / "pulumi"), "", built=False)
    assert not runner.ran("plugin install")


@pytest.mark.parametrize("version", ["v3.249.9", "v4.0.0", "nonsense"])
def test_a_cli_of_another_version_is_passed_over(tmp_path: Path, runner: FakeRunner, version: str) -> None:
    runner.on("pulumi version", ok(version))
    assert finder(tmp_path, runner).known() is None


def test_missing_plugins_are_downloaded_in_the_version_that_the_package_wants(
    tmp_path: Path, runner: FakeRunner
) -> None:
    runner.on("pulumi version", ok("v3.250.0")).on("plugin ls", ok("[]")).on("plugin install", ok())
    finder(tmp_path, runner).ensure(step())
    assert runner.ran("plugin install resource docker 5.2.0")


def test_where_plugins_cannot_be_downloaded_everything_is_built(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("pulumi version", ok("v3.250.0")).on("plugin ls", ok("[]")).on("plugin install", failed("no such host"))
    runner.on("testbed toolchain", ok('building\n{"bin": "/cache/bin", "pulumi_home": "/cache/home"}'))
    assert finder(tmp_path, runner).ensure(step()) == Tools("/cache/bin/pulumi", "/cache/home", built=True)


def test_without_a_cli_the_official_download_is_tried_first(tmp_path: Path, runner: FakeRunner) -> None:
    def download(argv: object, _input: object) -> Completed:
        binary = Path(argv[-1]) / "bin" / "pulumi"  # type: ignore[index]
        binary.parent.mkdir(parents=True)
        binary.write_text("")
        return ok()

    runner.on("PulumiCommand.install", download).on("pulumi version", ok("v3.250.0")).on("plugin ls", ok(all_plugins()))
    tools = finder(tmp_path, runner, on_path=False).ensure(step())
    assert tools.binary == str(tmp_path / "cache" / "pulumi-cli" / "3.250.0" / "bin" / "pulumi")
    assert not tools.built


def test_where_the_download_cannot_be_reached_the_tools_are_built(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("PulumiCommand.install", failed("no such host"))
    runner.on("testbed toolchain", ok('{"bin": "/cache/bin", "pulumi_home": "/cache/home"}'))
    assert finder(tmp_path, runner, on_path=False).ensure(step()).built


def test_built_tools_are_remembered_for_the_next_command(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("PulumiCommand.install", failed("no such host")).on("/cache/bin/pulumi version", ok("v3.250.0"))
    runner.on("testbed toolchain", ok('{"bin": "/cache/bin", "pulumi_home": "/cache/home"}'))
    made = finder(tmp_path, runner, on_path=False).ensure(step())
    assert finder(tmp_path, runner, on_path=False).known() == made


def test_a_damaged_record_of_the_tools_is_passed_over(tmp_path: Path, runner: FakeRunner) -> None:
    (tmp_path / "tools.json").write_text('{"binary": ')
    runner.on("pulumi version", ok("v3.250.0"))
    assert finder(tmp_path, runner).known() is not None


def test_a_failed_build_says_what_was_tried(tmp_path: Path, runner: FakeRunner) -> None:
    runner.on("PulumiCommand.install", failed("no such host")).on("testbed toolchain", failed("go: no space left"))
    with pytest.raises(OpsError, match=r"(?s)no space left.*resume the build"):
        finder(tmp_path, runner, on_path=False).ensure(step())


def test_the_builder_s_answer_is_found_behind_its_progress() -> None:
    assert last_json_object('building {x}\n{\n  "bin": "/b"\n}\n') == {"bin": "/b"}
    with pytest.raises(OpsError):
        last_json_object("nothing")
