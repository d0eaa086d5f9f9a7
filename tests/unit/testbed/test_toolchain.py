import re
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import toolchain


def test_plug_ins_have_the_versions_that_the_installed_sdks_ask_for() -> None:
    versions = {tool.name: tool.variables.get("main.version") for tool in toolchain.tools()}

    for provider in toolchain.PLUGINS:
        version = toolchain.plugin_version(provider)
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert versions[f"pulumi-resource-{provider}"] == version


def test_every_tool_pins_its_sources_in_a_complete_go_module() -> None:
    for tool in toolchain.tools():
        assert {"go.mod", "go.sum"} <= {file.name for file in tool.source().iterdir()}, tool.name


def test_the_engine_is_built_from_the_version_of_the_installed_sdk() -> None:
    engine = next(tool for tool in toolchain.tools() if tool.name == "pulumi")
    version = next(iter(engine.variables.values()))

    assert f"github.com/pulumi/pulumi/pkg/v3 {version}\n" in (engine.source() / "go.mod").read_text()


def test_go_modules_ask_for_no_newer_go_than_the_toolchain_has() -> None:
    fetched = re.search(r"go(\d+)\.(\d+)", toolchain.GO_TOOLCHAIN)
    assert fetched
    for tool in toolchain.tools():
        wanted = re.search(r"^go (\d+)\.(\d+)", (tool.source() / "go.mod").read_text(), re.MULTILINE)
        assert wanted
        assert (int(wanted[1]), int(wanted[2])) <= toolchain.MINIMUM_GO <= (int(fetched[1]), int(fetched[2]))


def test_another_version_or_flag_is_another_cache_entry() -> None:
    tool = next(tool for tool in toolchain.tools() if tool.name == "pulumi-resource-docker")

    assert tool.key() == replace(tool).key()
    assert tool.key() != replace(tool, variables={"main.version": "0.0.1"}).key()
    assert tool.key() != replace(tool, tags="").key()


@pytest.mark.parametrize(
    ("said", "version"),
    [("go1.26.8", (1, 26)), ("go1.19", (1, 19)), ("go1.27rc1", (1, 27)), ("devel +abc", (0, 0)), ("", (0, 0))],
)
def test_the_version_of_a_go_command_is_understood(tmp_path: Path, said: str, version: tuple[int, int]) -> None:
    command = tmp_path / "go"
    command.write_text(f"#!/bin/sh\necho '{said}'\n")
    command.chmod(0o755)

    assert toolchain.go_version(command) == version
