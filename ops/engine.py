"""A Docker engine: the one that runs, or on Debian as root one that is installed and started here."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.docker import Docker
from ops.errors import OpsError
from ops.processes import Runner, is_root
from ops.progress import Step

START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5
_START_ATTEMPTS: Final = 3
_APT_ENV: Final = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


@dataclass(frozen=True)
class Machine:
    """What the engine needs to know about this machine."""

    named_host: str
    """The engine's address that the stack's `dockerHost` names; empty when it names none."""
    docker_host: str
    """Value of DOCKER_HOST; empty when it is not set."""
    root: bool
    """Whether this process may install packages."""
    debian: bool
    """Whether the machine uses Debian's packages."""
    systemd: bool
    """Whether systemd is running, and so starts services."""
    log: Path
    """Where an engine that we start ourselves writes its log."""

    @staticmethod
    def here(log: Path, named_host: str = "") -> "Machine":
        """Describe the machine that this runs on."""
        return Machine(
            named_host=named_host,
            docker_host=os.environ.get("DOCKER_HOST", ""),
            root=is_root(),
            debian=Path("/etc/debian_version").exists() and Path("/usr/bin/apt-get").exists(),
            systemd=Path("/run/systemd/system").is_dir(),
            log=log,
        )


@dataclass(frozen=True)
class EngineMaker:
    """Finds, installs and starts the engine. `clock` and `wait` are replaced in tests."""

    runner: Runner
    machine: Machine
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep

    def ensure(self, step: Step) -> str:
        """Return the version of an engine that answers, installing and starting one where needed.

        Raises:
            OpsError: There is none and none can be installed, or it does not start; says what to do.
        """
        version, problem = self._version()
        if version:
            step.done(f"Docker {version} is running")
            return version
        if self.machine.named_host or self.machine.docker_host:
            name = "The stack's dockerHost" if self.machine.named_host else "DOCKER_HOST"
            raise OpsError(
                f"{name} is {self.machine.named_host or self.machine.docker_host}, "
                f"but no Docker engine answers there: {problem}",
                "Start that engine, or unset it to use one on this machine.",
            )
        if not (self.machine.debian and self.machine.root):
            raise OpsError(
                f"No Docker engine answers: {problem}",
                "Install Docker and start it, or set DOCKER_HOST to an engine that runs. "
                "(On Debian as root this command installs one itself.)",
            )
        self._install(step)
        version = self._start(step)
        step.done(f"Docker {version} started")
        return version

    def _version(self) -> tuple[str, str]:
        return Docker(self.runner, self.machine.named_host).version()

    def _install(self, step: Step) -> None:
        if self.runner.run(["dockerd", "--version"]).ok and self.runner.run(["docker", "--version"]).ok:
            return
        install_packages(self.runner, ["docker.io", "iptables"], step)
        if not self.runner.run(["docker", "--version"]).ok:  # Debian 13 packages it apart
            install_packages(self.runner, ["docker-cli"], step)

    def _start(self, step: Step) -> str:
        """Start the daemon by the machine's own service manager, else directly."""
        step.note("starting dockerd")
        systemd = self.machine.systemd
        by_manager = ["systemctl", "start", "docker"] if systemd else ["service", "docker", "start"]
        if self.runner.run(by_manager, timeout_seconds=START_SECONDS).ok:
            version = self._await(START_SECONDS / 3)
            if version:
                return version
        # A pid file of our own: the usual one may be left over from a daemon that was killed.
        pid_file = self.machine.log.with_suffix(".pid")
        for _ in range(_START_ATTEMPTS):
            if not self.runner.run(["pgrep", "-x", "dockerd"]).ok:
                pid_file.unlink(missing_ok=True)
                self.runner.start(["dockerd", "--pidfile", str(pid_file)], self.machine.log)
            version = self._await(START_SECONDS / _START_ATTEMPTS)
            if version:
                return version
        raise OpsError(f"dockerd did not answer within {START_SECONDS:.0f} s.", f"Its log is {self.machine.log}.")

    def _await(self, seconds: float) -> str:
        deadline = self.clock() + seconds
        while True:
            version, _ = self._version()
            if version or self.clock() > deadline:
                return version
            self.wait(_POLL_SECONDS)


def install_packages(runner: Runner, packages: list[str], step: Step) -> None:
    """Install Debian packages, refreshing the package lists first."""
    env = {**os.environ, **_APT_ENV}
    options = ["-y", "-q", "-o", "DPkg::Lock::Timeout=300"]
    step.note("apt-get update")
    runner.run(["apt-get", *options, "update"], env=env).require("Refreshing the package lists")
    argv = ["apt-get", *options, "install", "--no-install-recommends", *packages]
    step.note(f"apt-get install {' '.join(packages)}")
    runner.stream(argv, step.note, env=env).require(f"Installing {', '.join(packages)}")
