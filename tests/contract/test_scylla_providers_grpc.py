"""The resources inside ScyllaDB as the engine talks to them: over gRPC, in the plug-in's own process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub
from pulumi.runtime.rpc import UNKNOWN

from components.scylla.keyspace import KeyspaceProvider
from components.scylla.provider import PROVIDER_KEY
from tests.contract import scylla_providers_with_fakes as fakes
from tests.unit.components.scylla_fakes import ADMIN_PASSWORD, CONTACT_POINTS, REPLICATED

PROJECT_FOLDER = Path(__file__).parents[2]

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


def struct(properties: dict[str, Any]) -> Struct:
    message = Struct()
    message.update(properties)
    return message


def plain(message: Struct) -> dict[str, Any]:
    return {name: value for name, value in MessageToDict(message).items() if name != PROVIDER_KEY}


class Plugin:
    """The plug-in process, with one kind of provider."""

    def __init__(self, stub: ResourceProviderStub) -> None:
        self.stub = stub
        self.provider = ""

    def of(self, provider: Any) -> "Plugin":
        chosen = Plugin(self.stub)
        chosen.provider = serialize_provider(provider)
        return chosen

    def properties(self, values: dict[str, Any]) -> Struct:
        return struct(values | {PROVIDER_KEY: self.provider})

    def check(self, news: dict[str, Any]) -> Any:
        return self.stub.Check(proto.CheckRequest(olds=self.properties({}), news=self.properties(news)))

    def diff(self, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        request = proto.DiffRequest(id="x", olds=self.properties(olds), news=self.properties(news))
        return self.stub.Diff(request)

    def create(self, news: dict[str, Any]) -> Any:
        return self.stub.Create(proto.CreateRequest(properties=self.properties(news)))

    def read(self, state: dict[str, Any]) -> Any:
        return self.stub.Read(proto.ReadRequest(id="x", properties=self.properties(state)))

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        request = proto.UpdateRequest(id="x", olds=self.properties(olds), news=self.properties(news))
        return self.stub.Update(request)

    def delete(self, state: dict[str, Any]) -> None:
        self.stub.Delete(proto.DeleteRequest(id="x", properties=self.properties(state)))


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.dynamic"],
        cwd=PROJECT_FOLDER,
        env=os.environ | {"PULUMI_PROJECT": "demo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = ResourceProviderStub(channel)
            stub.Configure(proto.ConfigureRequest(args=struct({"demo:scyllaAdminPassword": ADMIN_PASSWORD})))
            yield Plugin(stub)
    finally:
        process.kill()
        process.communicate()


def test_a_table_is_adopted_read_without_a_change_and_kept_at_the_end(plugin: Plugin) -> None:
    tables = plugin.of(fakes.FakeTableProvider())
    created = tables.create(TABLE)
    assert created.id == "shop.users"
    state = plain(created.properties)
    assert state == TABLE
    read = tables.read(state)
    assert plain(read.properties) == plain(read.inputs) == TABLE
    assert tables.diff(plain(read.properties), TABLE).changes == proto.DiffResponse.DIFF_NONE
    tables.delete(state)
    assert tables.read(state).id == "x"


def test_a_wrong_column_is_refused_by_name(plugin: Plugin) -> None:
    news = TABLE | {"columns": {"id": "uuid", "hits": "counter"}}
    (failure,) = plugin.of(fakes.FakeTableProvider()).check(news).failures
    assert failure.property == "columns"
    assert failure.reason.startswith("column hits: type counter")


def test_inputs_that_are_not_known_in_a_preview_are_not_refused(plugin: Plugin) -> None:
    checked = plugin.of(fakes.FakeTableProvider()).check(TABLE | {"contact_points": UNKNOWN, "name": UNKNOWN})
    assert list(checked.failures) == []
    assert plain(checked.inputs)["name"] == UNKNOWN


def test_another_keyspace_is_a_replacement_and_another_address_is_not(plugin: Plugin) -> None:
    tables = plugin.of(fakes.FakeTableProvider())
    assert list(tables.diff(TABLE, TABLE | {"keyspace": "other"}).replaces) == ["keyspace"]
    moved = tables.diff(TABLE, TABLE | {"contact_points": ["127.0.0.1:9043"]})
    assert (moved.changes, list(moved.replaces)) == (proto.DiffResponse.DIFF_SOME, [])


def test_a_keyspace_that_is_gone_leaves_the_state(plugin: Plugin) -> None:
    keyspaces = plugin.of(fakes.FakeKeyspaceProvider())
    state = plain(keyspaces.create(KEYSPACE).properties)
    assert state == KEYSPACE
    assert keyspaces.read(state).id == ""


def test_a_roles_password_is_only_under_its_own_name(plugin: Plugin) -> None:
    state = plain(plugin.of(fakes.FakeRoleProvider()).create(ROLE).properties)
    assert state == ROLE
    del state["password"]
    assert "reader-secret" not in str(state)


def test_the_administrators_password_is_in_no_state(plugin: Plugin) -> None:
    preflight = plugin.of(fakes.FakePreflightProvider())
    tables = [{"source": "shop.users", "partition_key": ["id"], "clustering_key": []}]
    inputs = {"contact_points": CONTACT_POINTS, "tables": tables, "datacenter": "", "triggers": []}
    state = plain(preflight.create(inputs).properties)
    assert state == inputs | {"problems": [], "warnings": []}
    assert plain(preflight.update(state, inputs).properties) == state


def test_a_preflight_that_fails_lists_the_problems(plugin: Plugin) -> None:
    tables = [{"source": "shop.orders", "partition_key": ["id"], "clustering_key": []}]
    inputs = {"contact_points": CONTACT_POINTS, "tables": tables, "datacenter": "", "triggers": []}
    with pytest.raises(grpc.RpcError) as error:
        plugin.of(fakes.FakePreflightProvider()).create(inputs)
    assert "shop.orders: the table does not exist" in error.value.details()


def test_an_error_holds_no_password_and_no_frames(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as error:
        plugin.of(fakes.RefusingRoleProvider()).create(ROLE)
    details = error.value.details()
    assert "cassandra at 127.0.0.1:9042 may not do this" in details
    assert "reader-secret" not in details
    assert ADMIN_PASSWORD not in details
    assert "Traceback" not in details


def test_a_server_that_is_down_is_named(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as error:
        plugin.of(KeyspaceProvider()).create(KEYSPACE | {"contact_points": ["127.0.0.1:1"]})
    assert "no CQL connection to ScyllaDB at 127.0.0.1:1" in error.value.details()
    assert ADMIN_PASSWORD not in error.value.details()
