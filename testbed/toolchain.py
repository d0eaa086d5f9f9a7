"""Pulumi's engine, its plug-ins, and the servers Vault and Jaeger, built from Go modules.

Each tool has a folder in `testbed/toolchain` with a `go.mod` and `go.sum` that pin all of its sources. Each is an
entry of the build cache of its own, so that a set that was interrupted goes on where it stopped.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache as memoized
from importlib import metadata
from pathlib import Path

from components.digest import tree_digest
from testbed import cache, host
from testbed.cache import Progress, say

SOURCES = Path(__file__).with_name("toolchain")
MINIMUM_GO = (1, 26)
GO_TOOLCHAIN = "golang.org/toolchain@v0.0.1-go1.26.8"
"""Go itself as a module, for machines whose own Go is older than `MINIMUM_GO`."""

PLUGINS = ("docker", "kafka", "postgresql", "vault")
_SDK = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True)
class Tool:
    """One executable and how Go builds it."""

    name: str
    package: str = "."
    """Go package of the executable; `.` is the folder itself."""
    variables: dict[str, str] = field(default_factory=dict)
    """String variables of Go that the linker sets."""
    tags: str = ""
    static: bool = False
    """Runs in an image, so it must not need this machine's C library."""

    def source(self) -> Path:
        """Return the folder with the tool's `go.mod`."""
        return SOURCES / self.name

    def key(self) -> str:
        """Return the key of the tool's cache entry."""
        described = repr((tree_digest(self.source()), self, platform.machine()))
        return hashlib.sha256(described.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Installation:
    """Where a complete toolchain is."""

    bin: Path
    """Folder for PATH: `pulumi`, its Python language host and the host's scripts."""
    pulumi_home: Path
    """Value for PULUMI_HOME; holds the provider plug-ins."""


def plugin_version(provider: str) -> str:
    """Return the version of an installed Python SDK, which is the version of the plug-in that it asks for."""
    package = metadata.distribution(f"pulumi-{provider}")
    declared = json.loads(Path(str(package.locate_file(f"pulumi_{provider}/pulumi-plugin.json"))).read_text())
    return str(declared["version"])


@memoized
def tools() -> Sequence[Tool]:
    """Return all tools; the installation has all of them but the servers, which go into images."""
    engine = f"v{metadata.version('pulumi')}"
    return (
        Tool(
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": engine},
        ),
        Tool("pulumi-language-python", f"{_SDK}/python/cmd/pulumi-language-python"),
        *(
            Tool(
                f"pulumi-resource-{provider}",
                variables={"main.version": plugin_version(provider)},
                tags="no_compose" if provider == "docker" else "",
            )
            for provider in PLUGINS
        ),
        Tool("vault", "github.com/hashicorp/vault", static=True),
        Tool(
            "jaeger",
            "github.com/jaegertracing/jaeger/cmd/all-in-one",
            {"github.com/jaegertracing/jaeger/pkg/version.latestVersion": "v1.51.0"},
            static=True,
        ),
    )


def binary(name: str, progress: Progress = say) -> Path:
    """Return the executable of a tool, building it first when the cache does not have it."""
    order = [tool.name for tool in tools()]
    tool = tools()[order.index(name)]
    step = f"[{order.index(name) + 1}/{len(order)}] {name}"

    def build(directory: Path) -> None:
        progress(f"{step}: building")
        begin = time.monotonic()
        flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in tool.variables.items())])
        host.run(
            *(_go(progress), "build", "-mod=readonly", "-tags", tool.tags, "-ldflags", flags),
            *("-o", directory / tool.name, tool.package),
            cwd=tool.source(),
            env={"GOFLAGS": "", "GOWORK": "off"} | ({"CGO_ENABLED": "0"} if tool.static else {}),
        )
        progress(f"{step}: built in {time.monotonic() - begin:.0f} s")

    return cache.entry(name, tool.key(), build, progress) / name


def install(progress: Progress = say) -> Installation:
    """Return a complete toolchain, building what is missing. The first time takes about 20 min on two cores."""
    binaries = {tool.name: binary(tool.name, progress) for tool in tools() if not tool.static}
    sources = hashlib.sha256(repr(sorted(binaries.values())).encode()).hexdigest()[:16]

    def build(directory: Path) -> None:
        for folder in (directory / "bin", directory / "home" / "plugins"):
            folder.mkdir(parents=True)
        for name, path in binaries.items():
            target = directory / "bin" / name
            provider = name.removeprefix("pulumi-resource-")
            if provider in PLUGINS:
                target = directory / "home/plugins" / f"resource-{provider}-v{plugin_version(provider)}" / name
                target.parent.mkdir()
            os.link(path, target)
        for script in _scripts(progress):
            shutil.copy(script, directory / "bin")
            (directory / "bin" / script.name).chmod(0o755)

    path = cache.entry("toolchain", sources, build, progress)
    return Installation(path / "bin", path / "home")


def _scripts(progress: Progress) -> Sequence[Path]:
    """Return the scripts of the Python language host, which lie in the Go module of Pulumi's SDK."""
    module = _download(_go(progress), f"{_SDK}@v{metadata.version('pulumi')}")
    return (module / "python/cmd/pulumi-language-python-exec", module / "python/dist/pulumi-resource-pulumi-python")


@memoized
def _go(progress: Progress = say) -> Path:
    """Return a `go` command that is new enough, fetching one as a Go module when there is none."""
    present = shutil.which("go")
    if present and go_version(present) >= MINIMUM_GO:
        return Path(present)
    if not present:
        progress("installing Debian's Go, which can fetch a newer one")
        host.install("golang-go")
        present = shutil.which("go") or "go"
    system = {"x86_64": "linux-amd64", "aarch64": "linux-arm64"}[platform.machine()]
    folder = _download(Path(present), f"{GO_TOOLCHAIN}.{system}")
    # Files of the module cache are neither executable nor writable.
    for file in (folder / "bin", *(folder / "bin").iterdir(), *(folder / "pkg" / "tool").rglob("*")):
        file.chmod(0o755)
    return folder / "bin" / "go"


def go_version(command: str | Path) -> tuple[int, int]:
    """Return the major and minor version of a `go` command; (0, 0) when it does not say."""
    said = subprocess.run([command, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    match = re.match(r"go(\d+)\.(\d+)", said.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _download(go: Path, module: str) -> Path:
    """Return the folder of a Go module in Go's module cache."""
    # Outside of any module, so that no go.mod has a say.
    said = host.run(go, "mod", "download", "-json", module, cwd=Path("/"), env={"GOFLAGS": "", "GOWORK": "off"})
    return Path(json.loads(said)["Dir"])
