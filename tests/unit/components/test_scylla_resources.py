"""What the resource classes hand to the engine."""

import base64
from typing import Any, NoReturn

import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from components.postgres.target_table import TargetTable, TargetTableArgs, TargetTableProvider
from components.scylla.keyspace import Keyspace, KeyspaceArgs, KeyspaceProvider
from components.scylla.preflight import Preflight, PreflightArgs, PreflightProvider
from components.scylla.provider import ScyllaProvider
from components.scylla.role import Role, RoleArgs, RoleProvider
from components.scylla.superuser import (
    SuperuserPassword,
    SuperuserPasswordArgs,
    SuperuserPasswordProvider,
)
from components.scylla.table import Table, TableArgs, TableProvider
from tests.unit.components.scylla_fakes import CONTACT_POINTS

PROVIDERS: list[type[ScyllaProvider]] = [
    KeyspaceProvider,
    PreflightProvider,
    RoleProvider,
    SuperuserPasswordProvider,
    TableProvider,
    TargetTableProvider,
]


class Recorder(pulumi.runtime.Mocks):
    """Keeps the inputs of each resource by type."""

    def __init__(self) -> None:
        self.inputs: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.inputs[args.typ] = dict(args.inputs)
        return args.name, dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> NoReturn:
        raise AssertionError(f"unexpected call of {args.token}")


@pytest.fixture
def recorder() -> Recorder:
    mocks = Recorder()
    pulumi.runtime.set_mocks(mocks, project="demo", stack="test", preview=False)
    return mocks


def declare() -> Role:
    replication: dict[str, pulumi.Input[str | int]] = {"class": "SimpleStrategy", "replication_factor": 1}
    Keyspace("k", KeyspaceArgs("shop", CONTACT_POINTS, replication))
    Table("t", TableArgs("shop", "users", CONTACT_POINTS, {"id": "uuid"}, ["id"], cdc_ttl_seconds=7200))
    SuperuserPassword("s", SuperuserPasswordArgs(CONTACT_POINTS))
    Preflight("p", PreflightArgs(CONTACT_POINTS, [{"source": "shop.users", "partition_key": ["id"]}]))
    TargetTable(
        "x",
        TargetTableArgs(
            "shop.users", "public.users", CONTACT_POINTS, "localhost", 5432, "warehouse", "warehouse_owner"
        ),
    )
    return Role("r", RoleArgs("cdc_reader", CONTACT_POINTS, "reader-secret"))


def test_each_resource_hands_over_complete_inputs(recorder: Recorder) -> None:
    async def program() -> None:
        password: Any = getattr(declare(), "password")  # noqa: B009 a dynamic resource's inputs are its attributes
        assert await password.is_secret()

    pulumi.runtime.test(program)()
    prefix = "pulumi-python:dynamic/"
    assert set(recorder.inputs) == {
        f"{prefix}scylla:{name}" for name in ("Keyspace", "Table", "SuperuserPassword", "Preflight", "Role")
    } | {f"{prefix}postgres:TargetTable"}
    table = recorder.inputs[f"{prefix}scylla:Table"]
    assert table["cdc"] == {
        "enabled": True,
        "postimage": True,
        "preimage": "false",
        "delta": "full",
        "ttl_seconds": 7200,
    }
    assert "cdc_ttl_seconds" not in table
    assert recorder.inputs[f"{prefix}scylla:Role"]["superuser"] is False


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_recorded_by_reference_and_holds_no_state(provider: type[ScyllaProvider]) -> None:
    recorded = serialize_provider(provider())
    assert recorded == serialize_provider(provider())
    assert len(recorded) < 200
    assert provider.__name__.encode() in base64.b64decode(recorded)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_not_configured_yet_holds_no_credentials(provider: type[ScyllaProvider]) -> None:
    assert vars(provider()) == {}
