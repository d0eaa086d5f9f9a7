"""What every command needs: this checkout, its state directory, programs, progress and the Pulumi CLI."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from components.vault.provider import TOKEN_KEY
from ops.docker import Docker
from ops.errors import OpsError
from ops.outputs import StackOutputs, parse_outputs
from ops.processes import Processes, Runner
from ops.progress import Progress
from ops.project import PROJECT_DIR, stack_file, state_dir
from ops.pulumi_cli import PulumiCli, pulumi_environment
from ops.stack_choice import last_stack
from ops.stack_config import get
from ops.tools import ToolFinder, Tools


def cache_dir(environment: Mapping[str, str]) -> Path:
    """Return the build cache, shared by all checkouts of this user."""
    named = environment.get("SCYLLA_PG_CDC_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "scylla-pg-cdc"


@dataclass
class Workspace:
    """This checkout on this machine."""

    project_dir: Path = PROJECT_DIR
    runner: Runner = field(default_factory=lambda: Processes(PROJECT_DIR))
    progress: Progress = field(default_factory=Progress)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def state_dir(self) -> Path:
        """Directory of local state."""
        return state_dir(self.project_dir)

    def docker_host(self, stack: str) -> str:
        """Return the engine's address that the stack's configuration names; empty when it names none."""
        return str(get(stack_file(stack, self.project_dir), "dockerHost") or "")

    def docker(self, stack: str = "") -> Docker:
        """Return the Docker engine of a stack; without one, that of the client's environment."""
        return Docker(self.runner, self.docker_host(stack) if stack else "")

    @cached_property
    def finder(self) -> ToolFinder:
        """Finds the Pulumi CLI and its plug-ins."""
        return ToolFinder(self.runner, self.state_dir, cache_dir(self.environment), self.environment)

    def tools(self) -> Tools:
        """Return the Pulumi CLI that is there, or make one."""
        known = self.finder.known()
        if known is not None:
            return known
        with self.progress.step("tools") as step:
            return self.finder.ensure(step)

    def variables(self, tools: Tools) -> dict[str, str]:
        """Return the variables under which the CLI runs."""
        return pulumi_environment(tools, self.state_dir, Path(sys.executable).parent, self.environment)

    def cli(self, stack: str, tools: Tools) -> PulumiCli:
        """Return the CLI for one stack."""
        return PulumiCli(self.runner, tools, stack, self.variables(tools), self.environment)

    def existing_stack(self, given: str) -> str:
        """Return the stack to work on: as given, else the one that was brought up last here.

        Raises:
            OpsError: Neither is known.
        """
        stack = given or last_stack(self.state_dir)
        if not stack:
            raise OpsError("No stack was brought up in this checkout.", "Name one, for example STACK=dev.")
        return stack

    def vault_token(self, stack: str) -> str:
        """Return Pulumi's token in Vault; empty where the stack's configuration has none."""
        return self.cli(stack, self.tools()).secret(TOKEN_KEY)

    def outputs(self, stack: str) -> StackOutputs:
        """Read the outputs of a stack that is up."""
        return parse_outputs(self.cli(stack, self.tools()).outputs(), stack)
