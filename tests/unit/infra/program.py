"""Runs the real program with mocks: the configuration files of the repository in, registered resources out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pulumi
import yaml
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from infra.config import load_settings
from infra.settings import Settings
from infra.stack import deploy

PROJECT = Path(__file__).parents[3]
PREFIX = "scylla-pg-cdc:"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRETS = {
    key: f"made-up-{key}"
    for key in (
        "scyllaAdminPassword",
        "postgresAdminPassword",
        "monitorPassword",
        "grafanaAdminPassword",
        "vaultToken",
    )
}


@dataclass(frozen=True)
class Registered:
    """A resource as the engine would see it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str


@dataclass
class Program:
    """What one run of the program registered and exported."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of_type(self, kind: str) -> list[Registered]:
        """Resources whose type ends in `kind`."""
        return [resource for resource in self.resources if resource.type.endswith(kind)]

    def one(self, kind: str, name: str) -> Registered:
        """The resource of that type and name; it must exist exactly once."""
        found = [resource for resource in self.of_type(kind) if resource.name == name]
        assert len(found) == 1, f"{kind} {name}: {[(each.type, each.name) for each in self.resources]}"
        return found[0]

    def names(self, kind: str) -> set[str]:
        """Names of all resources of a type."""
        return {resource.name for resource in self.of_type(kind)}


class Recorder(Mocks):
    """Records resources and gives them made-up ids."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self._program.resources.append(Registered(args.typ, args.name, args.inputs, args.provider or ""))
        made_up: dict[str, Any] = {
            "imageId": f"sha256:{args.name}",
            "roleId": "role-id",
            "secretId": "secret-id",
            "path": "approle",
            "generation": "first",
            "wrapping_token": "wrapping-token",
            "unseal_keys": ["made-up-unseal-key"],
            "certificate_pem": f"certificate of {args.name}\n",
            "not_after": "2028-01-01T00:00:00+00:00",
            "private_key_pem": f"key of {args.name}\n",
            "keystore_base64": "a2V5c3RvcmU=",
            "truststore_base64": "dHJ1c3RzdG9yZQ==",
        }
        return f"{args.name}-id", {**made_up, **args.inputs}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program must not look anything up in a preview: {args.token}")


def configuration(stack: str, **overrides: Any) -> dict[str, str]:
    """The configuration that the engine would hand to the program: defaults, stack file, secrets, overrides."""
    schema = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    values = {key: entry["default"] for key, entry in schema.items() if "default" in entry}
    stack_file = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values |= {key.removeprefix(PREFIX): value for key, value in stack_file.items()}
    values |= SECRETS
    values |= overrides
    return {
        f"{PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if value is not None
    }


def in_runtime(stack: str, overrides: Mapping[str, Any], mocks: Mocks, body: Callable[[], Any]) -> None:
    """Run `body` as a program of that stack and wait for everything that it started. Its errors are raised."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(mocks, project="scylla-pg-cdc", stack=stack, preview=False)
    pulumi.runtime.set_all_config(configuration(stack, **overrides))
    pulumi.runtime.test(body)()


def run_program(stack: str, **overrides: Any) -> Program:
    """Run the whole program for a stack with mocks."""
    program = Program()

    def body() -> Any:
        exported: dict[str, Any] = {}
        patched = pulumi.export
        pulumi.export = exported.__setitem__  # type: ignore[assignment] # collects instead of registering
        try:
            deploy(load_settings())
        finally:
            pulumi.export = patched
        return pulumi.Output.all(**exported).apply(program.outputs.update)

    in_runtime(stack, overrides, Recorder(program), body)
    return program


def plain(value: Any) -> Any:
    """An input without its secret wrapping."""
    return value["value"] if is_secret(value) else value


def is_secret(value: Any) -> bool:
    """Whether an input reached the engine as a secret."""
    return isinstance(value, dict) and SECRET_SIGNATURE in value


def strings(value: Any) -> Iterator[str]:
    """Every string in an input that is not part of a secret."""
    if is_secret(value):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def load(stack: str = "dev", **overrides: Any) -> Settings:
    """The settings of that stack; reading them makes nothing and asks nobody."""
    loaded: list[Settings] = []
    in_runtime(stack, overrides, _NoResources(), lambda: loaded.append(load_settings()))
    return loaded[0]


class _NoResources(Mocks):
    def new_resource(self, args: MockResourceArgs) -> NoReturn:
        raise AssertionError(f"reading the configuration registered {args.name}")

    def call(self, args: MockCallArgs) -> NoReturn:
        raise AssertionError(f"reading the configuration called {args.token}")
