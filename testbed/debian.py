"""A Debian root file system made with debootstrap from the mirror that this machine itself uses."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.digest import tree_digest
from testbed import cache, host
from testbed.cache import Progress, say

SUITE = "bookworm"
_SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")

# A container needs no manuals, and no package may start its service while an image is built.
_FILES = {
    "etc/dpkg/dpkg.cfg.d/small": (
        0o644,
        "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n",
    ),
    "etc/apt/apt.conf.d/small": (0o644, 'APT::Install-Recommends "false";\n'),
    "usr/sbin/policy-rc.d": (0o755, "#!/bin/sh\nexit 101\n"),
}


@dataclass(frozen=True)
class Source:
    """One package source of apt."""

    uri: str
    suite: str
    components: tuple[str, ...]

    def line(self) -> str:
        """Return the source as a line of sources.list."""
        return f"deb {self.uri} {self.suite} {' '.join(self.components)}"


def sources(configuration: Path = Path("/etc/apt")) -> list[Source]:
    """Return the sources of Debian bookworm in this machine's apt configuration, in the order of the files.

    Raises:
        HostError: none carries the suite itself.
    """
    folder = configuration / "sources.list.d"
    found: list[Source] = []
    for file in (configuration / "sources.list", *sorted(folder.glob("*.list"))):
        if file.is_file():
            found += _one_line_style(file.read_text())
    for file in sorted(folder.glob("*.sources")):
        found += _deb822_style(file.read_text())
    chosen = [source for source in found if source.suite in _SUITES and "main" in source.components]
    if not any(source.suite == SUITE for source in chosen):
        raise host.HostError(
            f"{configuration} has no source of Debian {SUITE} with the component main; "
            f"add one to {folder}/{SUITE}.list: deb <mirror> {SUITE} main"
        )
    return list(dict.fromkeys(chosen))


def _one_line_style(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        kind, _, rest = line.partition("#")[0].strip().partition(" ")
        if rest.lstrip().startswith("["):  # options such as [arch=amd64 signed-by=/path]
            rest = rest.partition("]")[2]
        words = rest.split()
        if kind == "deb" and len(words) > 2:
            yield Source(words[0], words[1], tuple(words[2:]))


def _deb822_style(text: str) -> Iterator[Source]:
    stanza: dict[str, list[str]] = {}
    for line in [*(line for line in text.splitlines() if not line.startswith("#")), ""]:
        if line[:1] in (" ", "\t") and stanza:
            list(stanza.values())[-1].extend(line.split())
        elif line.strip():
            name, _, value = line.partition(":")
            stanza[name.strip().lower()] = value.split()
        elif stanza:
            if "deb" in stanza.get("types", []) and stanza.get("enabled", ["yes"]) != ["no"]:
                for uri in stanza.get("uris", []):
                    for suite in stanza.get("suites", []):
                        yield Source(uri, suite, tuple(stanza.get("components", [])))
            stanza = {}


def root_filesystem(progress: Progress = say) -> Path:
    """Return a tar file of a minimal Debian whose apt uses the same sources as this machine."""
    lines = "".join(f"{source.line()}\n" for source in sources())
    proxy = _apt_proxy()
    key = hashlib.sha256(f"{tree_digest(Path(__file__))} {lines} {proxy}".encode()).hexdigest()[:16]

    def build(directory: Path) -> None:
        if os.geteuid() != 0:
            raise host.HostError("debootstrap needs root: run this command as root once")
        host.require("debootstrap", progress)
        progress(f"base: debootstrap of Debian {SUITE}, about a minute")
        tree = directory / "root"
        mirror = next(source.uri for source in sources() if source.suite == SUITE)
        host.run("debootstrap", "--variant=minbase", SUITE, tree, mirror)
        _configure(tree, lines, proxy)
        host.run("tar", "--directory", tree, "--create", "--file", directory / "root.tar", ".")
        shutil.rmtree(tree)

    return cache.entry("debian", key, build, progress) / "root.tar"


def _apt_proxy() -> str:
    """Return the proxy settings of this machine's apt, if any."""
    return "".join(
        line + "\n"
        for line in host.run("apt-config", "dump").splitlines()
        if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy"))
    )


def _configure(tree: Path, source_lines: str, proxy: str) -> None:
    for name, (mode, text) in _FILES.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
    (tree / "etc/apt/sources.list").write_text(source_lines)
    (tree / "etc/apt/apt.conf.d/proxy").write_text(proxy)
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(tree / folder)
        (tree / folder).mkdir()
    for section in range(1, 9):  # update-alternatives links manual pages and fails when their folder is missing
        (tree / f"usr/share/man/man{section}").mkdir()
    # The machine's own name and name servers are none of the image's business.
    for own in ("etc/hostname", "etc/resolv.conf"):
        (tree / own).unlink(missing_ok=True)
