"""Ask the Docker engine about a stack's containers, networks and volumes, through its command line client."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.errors import OpsError
from ops.processes import Completed, Runner
from ops.project import name_prefix

_ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Container:
    """How a container is doing."""

    name: str
    state: str
    """`running`, `exited`, `restarting`, ... as Docker says it; `missing` when there is none."""
    health: str
    """`healthy`, `unhealthy`, `starting`; empty when it has no health check."""
    restarts: int
    stand_in: str
    """What the image really holds when it is a stand-in, else empty."""

    @property
    def ok(self) -> bool:
        """Whether it runs and does not fail its health check."""
        return self.state == "running" and self.health in ("", "healthy")


@dataclass(frozen=True)
class Leftovers:
    """What the engine holds under a stack's name prefix."""

    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes)

    def removal(self) -> str:
        """Return the commands that remove all of it."""
        commands = [
            f"docker {verb} {' '.join(names)}"
            for verb, names in (
                ("rm --force", self.containers),
                ("network rm", self.networks),
                ("volume rm", self.volumes),
            )
            if names
        ]
        return "\n".join(f"  {command}" for command in commands)


class Docker:
    """The engine, as far as this package needs it.

    Args:
        runner: Runs the client.
        host: Address of the engine, such as `ssh://user@host`; empty for the one of the client's environment.
    """

    def __init__(self, runner: Runner, host: str = "") -> None:
        self._runner = runner
        self._client = ["docker", *(["--host", host] if host else [])]

    def _ask(self, *args: str, timeout_seconds: float = _ANSWER_SECONDS) -> Completed:
        return self._runner.run([*self._client, *args], timeout_seconds=timeout_seconds)

    def version(self) -> tuple[str, str]:
        """Return the engine's version, or an empty version and what the client said."""
        asked = self._ask("version", "--format", "{{.Server.Version}}")
        return (asked.stdout.strip(), "") if asked.ok else ("", asked.message)

    def leftovers(self, stack: str) -> Leftovers:
        """Return everything whose name begins with the stack's prefix."""
        prefix = name_prefix(stack)
        return Leftovers(
            containers=self._names(prefix, "container", "ls", "--all", "--format", "{{.Names}}"),
            networks=self._names(prefix, "network", "ls", "--format", "{{.Name}}"),
            volumes=self._names(prefix, "volume", "ls", "--format", "{{.Name}}"),
        )

    def _names(self, prefix: str, *args: str) -> tuple[str, ...]:
        names = self._ask(*args).require("Asking the Docker engine").stdout.split()
        return tuple(sorted(name for name in names if name == prefix or name.startswith(f"{prefix}-")))

    def container(self, name: str) -> Container:
        """Return how one container is doing."""
        asked = self._ask("container", "inspect", name)
        if not asked.ok:
            if "no such container" in asked.stderr.lower():
                return Container(name, "missing", "", 0, "")
            asked.require("Asking the Docker engine")
        inspected: dict[str, Any] = json.loads(asked.stdout)[0]
        state = inspected["State"]
        labels = inspected["Config"].get("Labels") or {}
        return Container(
            name=name,
            state=state["Status"],
            health=(state.get("Health") or {}).get("Status", ""),
            restarts=inspected.get("RestartCount", 0),
            stand_in=labels.get("scylla-pg-cdc.stand-in", ""),
        )

    def has_network(self, network_id: str) -> bool:
        """Return whether a network exists."""
        asked = self._ask("network", "inspect", network_id)
        said = asked.stderr.lower()
        if not asked.ok and f"network {network_id} not found" not in said and "no such network" not in said:
            asked.require("Asking the Docker engine")
        return asked.ok

    def exec_command(self, name: str, command: Sequence[str], terminal: bool) -> list[str]:
        """Return the client's command that runs another one in a container."""
        return [*self._client, "exec", "--interactive", *(["--tty"] if terminal else []), name, *command]

    def start(self, name: str) -> None:
        """Start a container that exists."""
        done = self._ask("container", "start", name)
        if not done.ok:
            raise OpsError(f"Starting the container {name} failed: {done.message}", "Run the same command again.")

    def remove(self, kind: str, name: str) -> None:
        """Remove a container, network or volume by force; one that is gone already is fine."""
        done = self._ask(kind, "rm", *(["--force"] if kind != "network" else []), name)
        if not done.ok and "no such" not in done.stderr.lower() and "not found" not in done.stderr.lower():
            raise OpsError(f"Removing the {kind} {name} failed: {done.message}", "Remove it by hand.")

    def can_pull(self, image: str, timeout_seconds: float) -> tuple[bool, str]:
        """Return whether the image's registry answers for it, and otherwise what it said; pulls nothing."""
        if self._ask("image", "inspect", image).ok:
            return True, ""
        asked = self._ask("manifest", "inspect", image, timeout_seconds=timeout_seconds)
        return asked.ok, "" if asked.ok else asked.message
