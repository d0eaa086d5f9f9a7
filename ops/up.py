"""`cdc up`: from nothing to a running pipeline. Every step may be run again after a crash."""

from dataclasses import dataclass

from rich.table import Table

from ops.deploy import run_engine
from ops.engine import EngineMaker, Machine
from ops.errors import OpsError
from ops.images import ensure_images
from ops.project import stack_file
from ops.pulumi_cli import PulumiCli
from ops.recovery import clear_dead_lock, undo_pending_creates
from ops.revive import CONTAINER_TYPE, NETWORK_TYPE, revive
from ops.schema.stack import check_stack
from ops.smoke import SmokeResult, demo_table_missing, run_smoke
from ops.stack_choice import Choice, choose_stack, last_stack, remember_stack
from ops.stack_secrets import ensure_secrets
from ops.status import Status, collect_status
from ops.tools import Tools
from ops.workspace import Workspace


@dataclass(frozen=True)
class UpResult:
    """What `up` ended with."""

    status: Status
    smoke: SmokeResult | None
    """None when the stack does not replicate the demo tables."""


def up(workspace: Workspace, given_stack: str, engine_args: tuple[str, ...] = (), smoke_rows: int = 20) -> UpResult:
    """Bring a stack up and check it with rows of its own.

    Raises:
        OpsError: A step failed; names it and says what to do.
    """
    ensure_engine(workspace, given_stack or last_stack(workspace.state_dir))
    tools = ensure_tools(workspace)
    choice = _choose(workspace, given_stack)
    ensure_stack_images(workspace, choice.stack)
    cli = workspace.cli(choice.stack, tools)
    existed = prepare_stack(workspace, cli)
    if existed:
        _revive(workspace, cli)
        _refuse_misfits(workspace, choice.stack)
        # Drift inside the services (a connector deleted by hand) is found by a refresh only.
        engine_args = ("--refresh", *engine_args)
    run_engine(workspace, cli, "up", *engine_args)
    outputs = workspace.outputs(choice.stack)
    smoke = None
    with workspace.progress.step("smoke run") as step:
        missing = demo_table_missing(outputs)
        if missing:
            step.done(f"skipped, {missing}")
        else:
            smoke = run_smoke(outputs, smoke_rows, step)
            step.done(smoke.sentence())
    return UpResult(collect_status(outputs, choice.stack, workspace.docker(choice.stack)), smoke)


def ensure_engine(workspace: Workspace, stack: str = "") -> None:
    """Find the Docker engine that the stack names, or find or start one on this machine."""
    with workspace.progress.step("docker") as step:
        machine = Machine.here(workspace.state_dir / "dockerd.log", workspace.docker_host(stack) if stack else "")
        EngineMaker(workspace.runner, machine).ensure(step)


def ensure_tools(workspace: Workspace) -> Tools:
    """Find or make the Pulumi CLI and its plug-ins."""
    with workspace.progress.step("tools") as step:
        return workspace.finder.ensure(step)


def ensure_stack_images(workspace: Workspace, stack: str) -> None:
    """Build the images that the stack does not pull."""
    with workspace.progress.step("images") as step:
        ensure_images(workspace.runner, stack_file(stack, workspace.project_dir), step)


def _choose(workspace: Workspace, given_stack: str) -> Choice:
    with workspace.progress.step("stack") as step:
        choice = choose_stack(given_stack, workspace.state_dir, workspace.docker())
        if not stack_file(choice.stack, workspace.project_dir).exists():
            raise OpsError(
                f"There is no Pulumi.{choice.stack}.yaml.", "STACK is dev, testbed, prod or one with a file of its own."
            )
        step.done(f"{choice.stack}, {choice.reason}")
    return choice


def _revive(workspace: Workspace, cli: PulumiCli) -> None:
    """Bring back stopped containers; make containers again that were removed by hand."""
    with workspace.progress.step("services") as step:
        revived = revive(cli, workspace.docker(cli.stack), step)
        step.done(revived.sentence())
    if revived.missing:
        targets = [f"--target=**{kind}::*" for kind in (NETWORK_TYPE, CONTAINER_TYPE)]
        run_engine(workspace, cli, "refresh", *targets)
        run_engine(workspace, cli, "up")


def _refuse_misfits(workspace: Workspace, stack: str) -> None:
    """Refuse source tables that nothing behind them could take, before anything is touched.

    The preflight inside the program looks again; it has the last word where a service does not answer yet.
    """
    with workspace.progress.step("schemas") as step:
        try:
            report = check_stack(workspace, stack, workspace.outputs(stack))
        except OpsError as error:
            step.done(f"not checked yet: {error.message}")
            return
        if not report.ok:
            problems = "\n".join(f"  - {problem}" for problem in report.problems())
            raise OpsError(f"The source tables do not fit; nothing was changed:\n{problems}", "See `cdc schema check`.")
        step.done(f"{len(report.tables)} tables fit")


def prepare_stack(workspace: Workspace, cli: PulumiCli) -> bool:
    """Create the stack and its secrets where they are missing, and clean up after an interrupted run.

    Returns whether the stack has resources already.
    """
    with workspace.progress.step("state and secrets") as step:
        existed = cli.summary()
        cli.select()
        remember_stack(cli.stack, workspace.state_dir)
        made = ensure_secrets(cli, workspace.project_dir, workspace.state_dir)
        clear_dead_lock(cli, step)
        undone = undo_pending_creates(cli, workspace.docker(cli.stack), step) if existed else []
        if existed is None or existed.resources == 0:
            _refuse_strangers(workspace, cli.stack)
        notes = [f"{len(made)} secrets generated"] if made else []
        notes += [f"removed what an interrupted run had half made: {', '.join(undone)}"] if undone else []
        step.done("; ".join(notes) or "as they were")
    return existed is not None and existed.resources > 0


def _refuse_strangers(workspace: Workspace, stack: str) -> None:
    found = workspace.docker(stack).leftovers(stack)
    if found:
        raise OpsError(
            f"The state of stack {stack} is empty, but the Docker engine holds containers, networks or volumes "
            "with its names: they belong to another checkout or to a state that was deleted.",
            f"Run `make down` in that checkout, or remove them with their data:\n{found.removal()}",
        )


def report(result: UpResult) -> Table:
    """Return the closing table: endpoint, state, measured time from CQL write to PostgreSQL."""
    table = result.status.table()
    if result.smoke is not None:
        table.add_section()
        for name, value in result.smoke.figures():
            table.add_row("latency", name, value, "")
    return table
