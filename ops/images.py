"""The images that a stack needs: built here for the testbed, pulled by Pulumi otherwise."""

import sys
from pathlib import Path

from ops.processes import Runner
from ops.progress import Step
from ops.stack_config import get


def uses_testbed_images(stack_config: Path) -> bool:
    """Return whether the stack's configuration asks for images that are built on this machine."""
    return get(stack_config, "images") == "testbed"


def ensure_images(runner: Runner, stack_config: Path, step: Step) -> None:
    """Build the testbed's images where the stack uses them; a build that was cut short is resumed."""
    if not uses_testbed_images(stack_config):
        step.done("public images, pulled as they are needed")
        return
    built = runner.stream([sys.executable, "-m", "testbed", "images"], step.note)
    built.require("Building the testbed's images", "Run the command again: finished images are kept.")
    step.done("the testbed's, built on this machine; some are stand-ins (see README.md)")
