"""`cdc reconcile`: run the reconcile job's command line where it is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ops.errors import OpsError
from ops.workspace import Workspace

SERVICE: Final = "reconcile"
DEFAULT_ARGUMENTS: Final = ("status",)


def command(workspace: Workspace, stack: str, arguments: Sequence[str], *, terminal: bool) -> list[str]:
    """Return the command that runs `reconcile` with these arguments in the job's container.

    Raises:
        OpsError: The stack has no such container; says what to do instead.
    """
    container = workspace.outputs(stack).containers.get(SERVICE)
    if container is None:
        raise OpsError(
            f"Stack {stack} has no container of the reconcile job on its Docker host.",
            "Set reconcileEnabled: true and run `make up`. On Swarm, run it on the node of the service's task: "
            "docker exec <container> reconcile ...",
        )
    return workspace.docker(stack).exec_command(container, ["reconcile", *(arguments or DEFAULT_ARGUMENTS)], terminal)
