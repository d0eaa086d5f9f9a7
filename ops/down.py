"""`cdc down`: delete a stack with its data, and make sure that nothing of it is left."""

from ops.deploy import run_engine
from ops.errors import OpsError
from ops.recovery import clear_dead_lock, undo_pending_creates
from ops.revive import remove_stranded
from ops.stack_choice import forget_stack
from ops.workspace import Workspace


def what_is_deleted(workspace: Workspace, stack: str) -> str:
    """Return a sentence for the question that is asked first."""
    volumes = workspace.docker(stack).leftovers(stack).volumes
    data = f", with the data in {len(volumes)} volumes" if volumes else ""
    return f"Delete stack {stack}{data}?"


def down(workspace: Workspace, stack: str) -> None:
    """Destroy everything that the stack created.

    Raises:
        OpsError: Something is left on the Docker engine; names it and the commands that remove it.
    """
    cli = workspace.cli(stack, workspace.tools())
    summary = cli.summary()
    if summary is not None:
        with workspace.progress.step("state") as step:
            clear_dead_lock(cli, step)
            undo_pending_creates(cli, workspace.docker(stack), step)
            remove_stranded(cli, workspace.docker(stack), step)
        run_engine(workspace, cli, "destroy")
    left = workspace.docker(stack).leftovers(stack)
    if left:
        raise OpsError(
            f"The Docker engine holds things of stack {stack} that this checkout's state does not know.",
            f"They belong to another checkout or to a state that was deleted. Remove them:\n{left.removal()}",
        )
    forget_stack(stack, workspace.state_dir)
    workspace.progress.line(f"nothing of stack {stack} is left: no container, network or volume")
