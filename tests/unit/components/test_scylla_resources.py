"""What the resource classes hand to the engine."""

import base64
from typing import Any

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
from tests.unit.components.mock_engine import declared
from tests.unit.components.scylla_fakes import CONTACT_POINTS

PROVIDERS: list[type[ScyllaProvider]] = [
    KeyspaceProvider,
    PreflightProvider,
    RoleProvider,
    SuperuserPasswordProvider,
    TableProvider,
    TargetTableProvider,
]


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


def test_each_resource_hands_over_complete_inputs() -> None:
    async def program() -> None:
        password: Any = getattr(declare(), "password")  # noqa: B009 a dynamic resource's inputs are its attributes
        assert await password.is_secret()

    inputs = {each.typ: each.inputs for each in declared(program)}
    prefix = "pulumi-python:dynamic/"
    assert set(inputs) == {
        f"{prefix}scylla:{name}" for name in ("Keyspace", "Table", "SuperuserPassword", "Preflight", "Role")
    } | {f"{prefix}postgres:TargetTable"}
    table = inputs[f"{prefix}scylla:Table"]
    assert table["cdc"] == {
        "enabled": True,
        "postimage": True,
        "preimage": "false",
        "delta": "full",
        "ttl_seconds": 7200,
    }
    assert "cdc_ttl_seconds" not in table
    assert inputs[f"{prefix}scylla:Role"]["superuser"] is False


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_recorded_by_reference_and_holds_no_state(provider: type[ScyllaProvider]) -> None:
    recorded = serialize_provider(provider())
    assert recorded == serialize_provider(provider())
    assert len(recorded) < 200
    assert provider.__name__.encode() in base64.b64decode(recorded)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_not_configured_yet_holds_no_credentials(provider: type[ScyllaProvider]) -> None:
    assert vars(provider()) == {}
