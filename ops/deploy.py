"""Run `pulumi up` or `pulumi destroy`, showing in short what happens and keeping the whole in a log."""

from ops.engine_lines import EngineLines
from ops.errors import OpsError
from ops.processes import Completed
from ops.pulumi_cli import PulumiCli
from ops.workspace import Workspace


def run_engine(workspace: Workspace, cli: PulumiCli, operation: str, *args: str) -> None:
    """Run the operation to its end.

    Raises:
        OpsError: It failed; carries the engine's diagnostics.
    """
    folder = workspace.state_dir / "logs"
    folder.mkdir(exist_ok=True)
    log = folder / f"{operation}-{cli.stack}.log"
    lines = EngineLines()
    with workspace.progress.step(f"pulumi {operation}") as step, log.open("w") as file:

        def on_line(line: str) -> None:
            file.write(f"{line}\n")
            finished = lines.read(line)
            if finished:
                workspace.progress.line(f"  {finished}")
            step.note(lines.doing)

        done = cli.stream_on_stack(on_line, operation, "--yes", "--skip-preview", *args)
        if not done.ok:
            raise _failure(operation, cli.stack, lines, done, str(log))
        step.done(", ".join(lines.summary))


def _failure(operation: str, stack: str, lines: EngineLines, done: Completed, log: str) -> OpsError:
    said = "\n".join(lines.diagnostics).strip() or done.message
    hint = f"The whole output is in {log}. "
    if "currently locked" in said or "currently locked" in done.stdout:
        hint += f"Another run works on it; if there is none, `pulumi cancel --stack {stack}` unlocks it."
    elif "incorrect passphrase" in done.stdout + done.stderr:
        hint += "The stack was made with another passphrase: set PULUMI_CONFIG_PASSPHRASE_FILE to its file."
    else:
        hint += "Running the same command again continues where it stopped."
    return OpsError(f"pulumi {operation} of stack {stack} failed:\n{said}", hint)
