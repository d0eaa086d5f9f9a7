"""`cdc preview`: what `pulumi up` would do. Needs no service, and works in a clean clone.

A stack that was never brought up here has no state and no secrets. Its preview runs against a throw-away backend, with
a copy of the stack's configuration that holds dummy secrets, so the tracked file stays as it is.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from components.tls.certificate import AUTHORITY_KEY
from ops.errors import OpsError
from ops.project import PROJECT_NAME, stack_file
from ops.pulumi_cli import PulumiCli
from ops.stack_config import load
from ops.stack_secrets import made_up, missing_keys, needed_keys
from ops.workspace import Workspace


def preview(workspace: Workspace, stack: str, args: tuple[str, ...], on_line: Callable[[str], None]) -> int:
    """Run the preview, hand over its lines and return its exit code."""
    path = stack_file(stack, workspace.project_dir)
    if not path.exists():
        raise OpsError(f"There is no {path.name}.", "STACK is dev, testbed, prod or one with a file of its own.")
    cli = workspace.cli(stack, workspace.tools())
    if not missing_keys(load(path).get("config") or {}) and cli.summary() is not None:
        return cli.stream_on_stack(on_line, "preview", *args).exit_code
    workspace.progress.line(f"stack {stack} was not brought up here: dummy secrets, empty state")
    with tempfile.TemporaryDirectory(prefix="cdc-preview-") as folder:
        return _preview_from_nothing(cli, path, Path(folder), args, on_line)


def _preview_from_nothing(
    cli: PulumiCli, path: Path, folder: Path, args: tuple[str, ...], on_line: Callable[[str], None]
) -> int:
    """Preview in a throw-away backend inside `folder`."""
    variables = {name: value for name, value in cli.variables.items() if "PASSPHRASE" not in name}
    variables |= {"PULUMI_BACKEND_URL": f"file://{folder}", "PULUMI_CONFIG_PASSPHRASE": "preview"}
    base = {name: value for name, value in cli.base.items() if name != "PULUMI_CONFIG_PASSPHRASE_FILE"}
    throwaway = replace(cli, variables=variables, base=base)
    # `stack init` writes a salt into the stack file of the project that it runs in: not ours.
    (folder / "Pulumi.yaml").write_text(f"name: {PROJECT_NAME}\nruntime: python\n")
    made = throwaway.run("-C", str(folder), "stack", "init", cli.stack, "--no-select")
    made.require("Making a throw-away stack for the preview")
    config_file = folder / path.name
    config_file.write_text(yaml.safe_dump(without_secrets(load(path), load(config_file))))
    needed = needed_keys(load(path).get("config") or {})
    dummies = [word for key in needed for word in ("--secret", f"{PROJECT_NAME}:{key}={dummy(key, cli.stack)}")]
    encrypted = throwaway.run("config", "set-all", *dummies, "--stack", cli.stack, "--config-file", str(config_file))
    encrypted.require("Writing dummy secrets for the preview")
    return throwaway.stream_on_stack(on_line, "preview", "--config-file", str(config_file), *args).exit_code


def dummy(key: str, stack: str) -> str:
    """Return what stands for a secret in a preview; an authority has to be one."""
    return made_up(key, stack) if key == AUTHORITY_KEY else "preview-only"


def without_secrets(tracked: dict[str, Any], initial: dict[str, Any]) -> dict[str, Any]:
    """Return the tracked configuration without its encrypted values, on top of the new stack's salt."""
    config = {
        key: value
        for key, value in (tracked.get("config") or {}).items()
        if not (isinstance(value, dict) and "secure" in value)
    }
    return {**initial, "config": config}
