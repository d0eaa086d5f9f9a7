"""What the testbed needs from the machine itself: commands, and the Debian packages that carry them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.cache import Progress, say

PACKAGES: Mapping[str, Sequence[str]] = {
    "chromium": ("chromium", "fonts-liberation"),
    "debootstrap": ("debootstrap",),
    "docker": ("docker.io", "iptables"),
    "java": ("openjdk-17-jdk-headless",),
    "mvn": ("maven", "openjdk-17-jdk-headless"),
}
"""Debian packages that bring a command."""


class HostError(RuntimeError):
    """The machine lacks something; the message says what to do."""


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return its standard output.

    Raises:
        HostError: the command failed; the message ends with the last lines that it printed.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | dict(env) if env else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise HostError(f"`{' '.join(words)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def require(command: str, progress: Progress = say) -> None:
    """Make sure that a command of `PACKAGES` is there; as root, install its Debian packages when it is not."""
    if shutil.which(command):
        return
    packages = PACKAGES[command]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise HostError(f"`{command}` is missing; install the Debian packages: {' '.join(packages)}")
    progress(f"installing {' '.join(packages)}")
    install(*packages)


def install(*packages: str) -> None:
    """Install Debian packages."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "--quiet", env=quiet)
    run("apt-get", "install", "--yes", "--no-install-recommends", *packages, env=quiet)
