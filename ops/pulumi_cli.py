"""Run the Pulumi CLI with this project's backend, passphrase and plug-ins."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.errors import OpsError
from ops.processes import Completed, Runner
from ops.project import PROJECT_NAME
from ops.tools import Tools

PASSPHRASE_FILE: Final = "passphrase"  # noqa: S105 a file name


def ensure_passphrase(state_dir: Path) -> Path:
    """Return the passphrase file; make one with a random passphrase, readable by this user only, if there is none."""
    path = state_dir / PASSPHRASE_FILE
    if path.exists():
        return path
    temporary = state_dir / f".{PASSPHRASE_FILE}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        os.link(temporary, path)  # fails when another process was first, whose passphrase then counts
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path


def pulumi_environment(tools: Tools, state_dir: Path, venv_bin: Path, base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set for the CLI; what the caller's environment already names is left alone."""
    path = [str(venv_bin), str(Path(tools.binary).parent), *base.get("PATH", os.defpath).split(":")]
    env = {"PATH": ":".join(dict.fromkeys(path)), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    if not base.get("PULUMI_BACKEND_URL"):
        env["PULUMI_BACKEND_URL"] = f"file://{state_dir}"
    if "PULUMI_CONFIG_PASSPHRASE" not in base and not base.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(ensure_passphrase(state_dir))
    if tools.pulumi_home:
        env["PULUMI_HOME"] = tools.pulumi_home
    if tools.built:
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return env


@dataclass(frozen=True)
class StackSummary:
    """One line of `pulumi stack ls`."""

    name: str
    resources: int


@dataclass(frozen=True)
class PulumiCli:
    """Runs `pulumi` for one stack."""

    runner: Runner
    tools: Tools
    stack: str
    variables: Mapping[str, str]
    """What `pulumi_environment` returned."""
    base: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """The environment that `variables` are added to."""

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of the CLI."""
        return {**self.base, **self.variables}

    def run(self, *args: str, input_text: str | None = None) -> Completed:
        """Run a command that takes no stack, such as `stack ls`."""
        argv = [self.tools.binary, "--non-interactive", "--color", "never", *args]
        return self.runner.run(argv, env=self.env, input_text=input_text)

    def run_on_stack(self, *args: str, input_text: str | None = None) -> Completed:
        """Run a command on the stack, with `--stack` appended."""
        return self.run(*args, "--stack", self.stack, input_text=input_text)

    def stream_on_stack(self, on_line: Callable[[str], None], *args: str) -> Completed:
        """Run a long command on the stack and hand over its lines."""
        argv = [self.tools.binary, "--non-interactive", "--color", "never", *args, "--stack", self.stack]
        return self.runner.stream(argv, on_line, env=self.env)

    def summary(self) -> StackSummary | None:
        """Return the stack's entry in the backend; None when it has none."""
        listed = self.run("stack", "ls", "--json").require("Listing the stacks", self._backend_hint())
        for entry in json.loads(listed.stdout):
            if entry["name"].split("/")[-1] == self.stack:
                return StackSummary(self.stack, entry.get("resourceCount") or 0)
        return None

    def select(self) -> None:
        """Make the stack the current one of this directory, creating it where it is missing."""
        done = self.run("stack", "select", "--create", "--stack", self.stack)
        done.require(f"Selecting stack {self.stack}", self._backend_hint())

    def set_secret(self, key: str, value: str) -> None:
        """Write one encrypted value to the stack's configuration; the value goes in by standard input."""
        done = self.run_on_stack("config", "set", "--secret", f"{PROJECT_NAME}:{key}", input_text=value)
        done.require(f"Setting {PROJECT_NAME}:{key}", self._backend_hint())

    def secret(self, key: str) -> str:
        """Return a value of the stack's configuration in clear; empty where it has none."""
        asked = self.run_on_stack("config", "get", f"{PROJECT_NAME}:{key}")
        return asked.stdout.strip() if asked.ok else ""

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs with their secrets in clear; empty when it was never brought up."""
        shown = self.run_on_stack("stack", "output", "--json", "--show-secrets")
        if not shown.ok and "no stack named" in shown.stderr:
            raise OpsError(f"There is no stack {self.stack} here.", f"Run `make up STACK={self.stack}` first.")
        shown.require("Reading the stack's outputs", self._backend_hint())
        outputs: dict[str, Any] = json.loads(shown.stdout)
        return outputs

    def _backend_hint(self) -> str:
        env = self.env
        where = env.get("PULUMI_BACKEND_URL", "the CLI's default")
        phrase = env.get("PULUMI_CONFIG_PASSPHRASE_FILE", "the variable PULUMI_CONFIG_PASSPHRASE")
        return f"The state backend is {where}; the passphrase comes from {phrase}."
