"""The engine as the resource classes see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks


class Recorder(Mocks):
    """Makes every resource as it is declared, and keeps what was declared."""

    def __init__(self) -> None:
        self.resources: list[MockResourceArgs] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Take the resource."""
        self.resources.append(args)
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> NoReturn:
        """Refuse: no resource class calls a function of a provider."""
        raise AssertionError(f"unexpected call of {args.token}")


def declared(program: Callable[[], Any]) -> list[MockResourceArgs]:
    """Run a program, which may be asynchronous; return the resources that it declares."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="demo", stack="test", preview=False)
    pulumi.runtime.test(program)()
    return recorder.resources
