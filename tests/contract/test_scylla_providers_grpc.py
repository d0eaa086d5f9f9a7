"""The resources inside ScyllaDB as the engine talks to them: over gRPC, in the plug-in's own process."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from components.scylla.keyspace import KeyspaceProvider
from tests.contract import scylla_providers_with_fakes as fakes
from tests.contract.dynamic_server import DynamicServer
from tests.unit.components.scylla_fakes import ADMIN_PASSWORD, CONTACT_POINTS, REPLICATED

SOME, NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE

TABLE = {
    "keyspace": "shop",
    "name": "users",
    "contact_points": CONTACT_POINTS,
    "columns": {"id": "uuid", "name": "text", "age": "int"},
    "partition_key": ["id"],
    "clustering_key": [],
    "cdc": asdict(REPLICATED),
    "retain": True,
}
KEYSPACE = {
    "name": "shop",
    "contact_points": CONTACT_POINTS,
    "replication": {"class": "NetworkTopologyStrategy", "datacenter1": 1},
    "durable_writes": True,
    "retain": True,
}
ROLE = {
    "name": "cdc_reader",
    "password": "reader-secret",
    "contact_points": CONTACT_POINTS,
    "grants": [],
    "login": True,
    "superuser": False,
}


@pytest.fixture
def plugin(dynamic_server: DynamicServer) -> DynamicServer:
    dynamic_server.configure({"scyllaAdminPassword": ADMIN_PASSWORD})
    return dynamic_server


def test_a_table_is_adopted_read_without_a_change_and_kept_at_the_end(plugin: DynamicServer) -> None:
    tables = fakes.FakeTableProvider()
    id_, state = plugin.create(tables, TABLE)
    assert (id_, state) == ("shop.users", TABLE)
    assert plugin.read(tables, id_, state) == (id_, TABLE)
    assert plugin.read_inputs(tables, id_, state) == TABLE
    assert plugin.diff(tables, id_, state, TABLE).changes == NONE
    plugin.delete(tables, id_, state)
    assert plugin.read(tables, id_, state)[0] == id_


def test_a_wrong_column_is_refused_by_name(plugin: DynamicServer) -> None:
    news = TABLE | {"columns": {"id": "uuid", "hits": "counter"}}
    _, failures = plugin.check(fakes.FakeTableProvider(), news)
    assert list(failures) == ["columns"]
    assert failures["columns"].startswith("column hits: type counter")


def test_inputs_that_are_not_known_in_a_preview_are_not_refused(plugin: DynamicServer) -> None:
    inputs, failures = plugin.check(fakes.FakeTableProvider(), TABLE | {"contact_points": UNKNOWN, "name": UNKNOWN})
    assert failures == {}
    assert inputs["name"] == UNKNOWN


def test_another_keyspace_is_a_replacement_and_another_address_is_not(plugin: DynamicServer) -> None:
    tables = fakes.FakeTableProvider()
    assert list(plugin.diff(tables, "x", TABLE, TABLE | {"keyspace": "other"}).replaces) == ["keyspace"]
    moved = plugin.diff(tables, "x", TABLE, TABLE | {"contact_points": ["127.0.0.1:9043"]})
    assert (moved.changes, list(moved.replaces)) == (SOME, [])


def test_a_keyspace_that_is_gone_leaves_the_state(plugin: DynamicServer) -> None:
    keyspaces = fakes.FakeKeyspaceProvider()
    id_, state = plugin.create(keyspaces, KEYSPACE)
    assert state == KEYSPACE
    assert plugin.read(keyspaces, id_, state)[0] == ""


def test_a_roles_password_is_only_under_its_own_name(plugin: DynamicServer) -> None:
    _, state = plugin.create(fakes.FakeRoleProvider(), ROLE)
    assert state == ROLE
    del state["password"]
    assert "reader-secret" not in str(state)


def test_the_administrators_password_is_in_no_state(plugin: DynamicServer) -> None:
    preflight = fakes.FakePreflightProvider()
    tables = [{"source": "shop.users", "partition_key": ["id"], "clustering_key": []}]
    inputs = {"contact_points": CONTACT_POINTS, "tables": tables, "datacenter": "", "triggers": []}
    id_, state = plugin.create(preflight, inputs)
    assert state == inputs | {"problems": [], "warnings": []}
    assert plugin.update(preflight, id_, state, inputs) == state


def test_a_preflight_that_fails_lists_the_problems(plugin: DynamicServer) -> None:
    tables = [{"source": "shop.orders", "partition_key": ["id"], "clustering_key": []}]
    inputs = {"contact_points": CONTACT_POINTS, "tables": tables, "datacenter": "", "triggers": []}
    error = plugin.error_of(lambda: plugin.create(fakes.FakePreflightProvider(), inputs))
    assert "shop.orders: the table does not exist" in error


def test_an_error_holds_no_password_and_no_frames(plugin: DynamicServer) -> None:
    error = plugin.error_of(lambda: plugin.create(fakes.RefusingRoleProvider(), ROLE))
    assert "cassandra at 127.0.0.1:9042 may not do this" in error
    assert "reader-secret" not in error
    assert ADMIN_PASSWORD not in error
    assert "Traceback" not in error


def test_a_server_that_is_down_is_named(plugin: DynamicServer) -> None:
    nowhere = KEYSPACE | {"contact_points": ["127.0.0.1:1"]}
    error = plugin.error_of(lambda: plugin.create(KeyspaceProvider(), nowhere))
    assert "no CQL connection to ScyllaDB at 127.0.0.1:1" in error
    assert ADMIN_PASSWORD not in error
