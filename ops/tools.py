"""The Pulumi CLI and its plug-ins: on PATH, downloaded from their makers, or built from Go modules."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from ops.errors import OpsError
from ops.processes import Runner
from ops.progress import Step

_VERSION_SECONDS: Final = 30.0
_REACH_SECONDS: Final = 10
_DOWNLOAD_SECONDS: Final = 600.0
_RECORD: Final = "tools.json"

# Runs in a child process: the socket timeout there makes an unreachable server an error within seconds.
_DOWNLOAD: Final = f"""
import socket, sys
from pulumi.automation import PulumiCommand
socket.setdefaulttimeout({_REACH_SECONDS})
PulumiCommand.install(root=sys.argv[1])
"""


@dataclass(frozen=True)
class Tools:
    """Where the Pulumi CLI is and how it gets its plug-ins."""

    binary: str
    """Path of the `pulumi` executable."""
    pulumi_home: str
    """Value for PULUMI_HOME; empty means the CLI's own default."""
    built: bool
    """Whether CLI and plug-ins were built here, so that the CLI must not try to download plug-ins."""

    @property
    def description(self) -> str:
        """Where the CLI came from, in words."""
        return f"built from Go modules, {self.binary}" if self.built else self.binary


@dataclass(frozen=True)
class Plugin:
    """A provider plug-in that an installed Python package asks for."""

    name: str
    version: str


def required_plugins() -> list[Plugin]:
    """Return the plug-ins that the installed provider packages want; the language host asks for the same."""
    found: list[Plugin] = []
    for dist in metadata.distributions():
        name = dist.metadata["Name"].replace("-", "_")
        described = Path(str(dist.locate_file(f"{name}/pulumi-plugin.json")))
        if name.startswith("pulumi_") and described.exists():
            wanted = json.loads(described.read_text())
            found.append(Plugin(wanted["name"], wanted["version"].removeprefix("v")))
    return sorted(found, key=lambda plugin: plugin.name)


def sdk_version() -> tuple[int, int, int]:
    """Return the version of the installed Pulumi SDK; the CLI must be at least this and of the same major."""
    version = parse_version(metadata.version("pulumi"))
    if version is None:
        raise OpsError("The installed package `pulumi` has no readable version.", "Run scripts/bootstrap.sh.")
    return version


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Read `v3.250.0` or `3.250.0-dev.1` as (3, 250, 0); None when it is something else."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def last_json_object(text: str) -> dict[str, str]:
    """Return the JSON object that ends a text whose earlier lines are progress."""
    start = max((found.start() for found in re.finditer(r"^\{", text, re.MULTILINE)), default=-1)
    if start < 0:
        raise OpsError("The toolchain builder did not say where it put the tools.", "Run the command again.")
    made: dict[str, str] = json.loads(text[start:])
    return made


@dataclass(frozen=True)
class ToolFinder:
    """Finds or makes the tools, and remembers where they are."""

    runner: Runner
    state_dir: Path
    cache_dir: Path
    environment: Mapping[str, str]

    def known(self) -> Tools | None:
        """Return usable tools of the last run or on PATH; never installs anything."""
        recorded = self._recorded()
        if recorded is not None and self._usable(recorded.binary):
            return recorded
        return self._on_path()

    def ensure(self, step: Step) -> Tools:
        """Return usable tools, downloading or building what is missing.

        Raises:
            OpsError: They can be neither found, downloaded nor built; says what was tried.
        """
        tools = self.known() or self._downloaded(step)
        if tools is None or not (tools.built or self._plugins(tools, step)):
            tools = self._build(step)
        self._record(tools)
        step.done(f"Pulumi CLI {tools.description}")
        return tools

    def _on_path(self) -> Tools | None:
        binary = shutil.which("pulumi", path=self.environment.get("PATH"))
        return Tools(binary, "", built=False) if binary and self._usable(binary) else None

    def _usable(self, binary: str) -> bool:
        asked = self.runner.run([binary, "version"], env=self._quiet(), timeout_seconds=_VERSION_SECONDS)
        version, wanted = parse_version(asked.stdout), sdk_version()
        return asked.ok and version is not None and version[0] == wanted[0] and version >= wanted

    def _downloaded(self, step: Step) -> Tools | None:
        """Fetch the official CLI with the SDK's own installer, where its server can be reached."""
        root = self.cache_dir / "pulumi-cli" / ".".join(map(str, sdk_version()))
        binary = str(root / "bin" / "pulumi")
        if not Path(binary).exists():
            step.note("trying the official download")
            argv = [sys.executable, "-c", _DOWNLOAD, str(root)]
            if not self.runner.run(argv, timeout_seconds=_DOWNLOAD_SECONDS).ok:
                step.note("the official download cannot be reached")
                return None
        return Tools(binary, "", built=False) if self._usable(binary) else None

    def _plugins(self, tools: Tools, step: Step) -> bool:
        """Install missing plug-ins with the CLI; False when they cannot be downloaded."""
        listed = self.runner.run([tools.binary, "plugin", "ls", "--json"], env=self._quiet())
        have = {(entry["name"], entry.get("version")) for entry in json.loads(listed.stdout or "[]")}
        for plugin in required_plugins():
            if (plugin.name, plugin.version) in have:
                continue
            step.note(f"downloading plug-in {plugin.name} {plugin.version}")
            argv = [tools.binary, "plugin", "install", "resource", plugin.name, plugin.version]
            if not self.runner.run(argv, env=self._quiet(), timeout_seconds=_DOWNLOAD_SECONDS).ok:
                step.note(f"plug-in {plugin.name} cannot be downloaded")
                return False
        return True

    def _build(self, step: Step) -> Tools:
        """Build everything from Go modules; the builder says where it is in a JSON object at the end."""
        step.note("building from Go modules")
        built = self.runner.stream([sys.executable, "-m", "testbed", "toolchain"], step.note)
        built.require(
            "Building the Pulumi CLI and its plug-ins from Go modules",
            "The official download could not be reached either. Run the command again to resume the build, or put "
            f"`pulumi` {'.'.join(map(str, sdk_version()))} or later on PATH.",
        )
        made = last_json_object(built.stdout)
        return Tools(str(Path(made["bin"]) / "pulumi"), made["pulumi_home"], built=True)

    def _quiet(self) -> dict[str, str]:
        return {**self.environment, "PULUMI_SKIP_UPDATE_CHECK": "true"}

    def _recorded(self) -> Tools | None:
        try:
            return Tools(**json.loads((self.state_dir / _RECORD).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _record(self, tools: Tools) -> None:
        temporary = self.state_dir / f"{_RECORD}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(tools)))
        temporary.replace(self.state_dir / _RECORD)
