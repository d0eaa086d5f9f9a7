"""Pick up what an interrupted `pulumi up` left: a lock whose owner died, and half-made Docker resources.

The engine writes a pending operation before it makes a resource. After a crash nobody knows whether the resource
exists; a container or network that does would make the next `up` fail with a name conflict. Those have fixed names and
no data, so they are removed and made again. Volumes are left: making one that exists is no error.
"""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

from ops.docker import Docker
from ops.progress import Step
from ops.project import PROJECT_NAME
from ops.pulumi_cli import PulumiCli

_DOCKER_KINDS: Final = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
}


def clear_dead_lock(cli: PulumiCli, step: Step) -> bool:
    """Unlock a stack in a local backend when every process that locked it is gone; True when one was."""
    url = urlparse(cli.env.get("PULUMI_BACKEND_URL", ""))
    if url.scheme != "file":
        return False
    folder = Path(url.path) / ".pulumi" / "locks" / "organization" / PROJECT_NAME / cli.stack
    locks = sorted(folder.glob("*.json"))
    if not locks or any(_alive(lock) for lock in locks):
        return False
    step.note("removing the lock of an interrupted run")
    cli.run("cancel", "--yes", "--stack", cli.stack).require(f"Unlocking stack {cli.stack}")
    return True


def _alive(lock: Path) -> bool:
    """Return whether the lock's owner may still be running; an owner on another host counts as alive."""
    try:
        owner = json.loads(lock.read_text())
        if owner.get("hostname") != socket.gethostname():
            return True
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, KeyError):
        return True
    return True


def undo_pending_creates(cli: PulumiCli, docker: Docker, step: Step) -> list[str]:
    """Remove Docker resources whose creation was interrupted, also from the state; return their names."""
    exported = cli.run_on_stack("stack", "export").require(f"Reading the state of stack {cli.stack}").stdout
    state: dict[str, Any] = json.loads(exported)
    deployment = state.get("deployment") or {}
    pending = [op for op in deployment.get("pending_operations") or [] if op.get("type") == "creating"]
    if not pending:
        return []
    removed = []
    for operation in pending:
        name = _docker_name(operation["resource"])
        if name:
            kind = _DOCKER_KINDS[operation["resource"]["type"]]
            step.note(f"removing the half-made {kind} {name}")
            docker.remove(kind, name)
            removed.append(name)
    deployment["pending_operations"] = [op for op in deployment["pending_operations"] if op.get("type") != "creating"]
    imported = cli.run_on_stack("stack", "import", input_text=json.dumps(state))
    imported.require(f"Writing the state of stack {cli.stack}")
    return removed


def _docker_name(resource: Mapping[str, Any]) -> str:
    if resource.get("type") not in _DOCKER_KINDS:
        return ""
    name = (resource.get("inputs") or {}).get("name", "")
    return name if isinstance(name, str) and name.startswith(f"{PROJECT_NAME}-") else ""
