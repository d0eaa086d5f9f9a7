from typing import Any

import pytest

from components.scylla.keyspace import KeyspaceProvider, same_replication
from components.scylla.session import ScyllaError
from tests.unit.components.scylla_fakes import CONTACT_POINTS, FakeScylla, configured

NETWORK = "org.apache.cassandra.locator.NetworkTopologyStrategy"


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "contact_points": CONTACT_POINTS,
        "replication": {"class": "NetworkTopologyStrategy", "replication_factor": 1},
        "durable_writes": True,
        "retain": True,
    } | changes


def server_with_shop(**replication: str) -> FakeScylla:
    options = replication or {"datacenter1": "1"}
    return FakeScylla(keyspaces={"shop": {"replication": {"class": NETWORK, **options}, "durable_writes": True}})


def test_a_missing_keyspace_is_created() -> None:
    server = FakeScylla()
    result = configured(KeyspaceProvider, server).create(inputs())
    assert result.id == "shop"
    assert result.outs == inputs()
    assert server.statements == [
        "CREATE KEYSPACE IF NOT EXISTS \"shop\" WITH replication = {'class': 'NetworkTopologyStrategy', "
        "'replication_factor': '1'} AND durable_writes = true"
    ]


def test_a_keyspace_that_is_as_declared_is_adopted_without_a_statement() -> None:
    server = server_with_shop()
    configured(KeyspaceProvider, server).create(inputs())
    assert server.statements == []


def test_a_keyspace_that_differs_is_altered() -> None:
    server = server_with_shop(datacenter1="3")
    configured(KeyspaceProvider, server).update("shop", inputs(), inputs())
    assert server.statements[0].startswith('ALTER KEYSPACE "shop" WITH replication')


def test_a_second_session_is_never_left_open() -> None:
    server = FakeScylla(agrees=False)
    with pytest.raises(ScyllaError, match="no agreement"):
        configured(KeyspaceProvider, server).create(inputs())
    assert server.open_sessions == 0


def test_refresh_of_an_unchanged_keyspace_shows_no_change() -> None:
    provider = configured(KeyspaceProvider, server_with_shop())
    read = provider.read("shop", inputs() | {"__provider": "x"})
    assert read.id == "shop"
    assert read.outs == inputs()
    assert provider.diff("shop", read.outs, inputs()).changes is False


def test_refresh_shows_replication_changed_by_hand() -> None:
    provider = configured(KeyspaceProvider, server_with_shop(datacenter1="2"))
    read = provider.read("shop", inputs())
    assert read.outs is not None
    assert read.outs["replication"] == {"class": "NetworkTopologyStrategy", "datacenter1": "2"}
    assert read.inputs == read.outs
    assert provider.diff("shop", read.outs, inputs()).changes is True


def test_a_keyspace_that_is_gone_leaves_the_state() -> None:
    read = configured(KeyspaceProvider, FakeScylla()).read("shop", inputs())
    assert (read.id, read.outs) == (None, {})


def test_deleting_the_resource_leaves_the_keyspace() -> None:
    server = server_with_shop()
    configured(KeyspaceProvider, server).delete("shop", inputs())
    assert server.statements == []


def test_deleting_the_resource_drops_the_keyspace_when_told_so() -> None:
    server = server_with_shop()
    configured(KeyspaceProvider, server).delete("shop", inputs(retain=False))
    assert server.statements == ['DROP KEYSPACE IF EXISTS "shop"']


def test_another_name_is_another_keyspace() -> None:
    assert KeyspaceProvider().diff("shop", inputs(), inputs(name="other")).replaces == ["name"]


@pytest.mark.parametrize(
    ("changes", "property_name"),
    [
        ({"name": "no-name"}, "name"),
        ({"replication": {"class": "SimpleStrategy"}}, "replication"),
        ({"contact_points": ["localhost"]}, "contact_points"),
        ({"contact_points": ["a:1", "b:2"]}, "contact_points"),
    ],
)
def test_wrong_inputs_are_refused_before_anything_is_asked(changes: dict[str, Any], property_name: str) -> None:
    failures = KeyspaceProvider().check({}, inputs(**changes)).failures
    assert [failure.property for failure in failures] == [property_name]


@pytest.mark.parametrize(
    ("declared", "actual", "same"),
    [
        ({"class": "NetworkTopologyStrategy", "replication_factor": 3}, {"class": NETWORK, "a": "3"}, True),
        ({"class": "NetworkTopologyStrategy", "replication_factor": 3}, {"class": NETWORK, "a": "1"}, False),
        ({"class": "NetworkTopologyStrategy", "replication_factor": 3}, {"class": NETWORK}, False),
        ({"class": "NetworkTopologyStrategy", "a": 3}, {"class": NETWORK, "a": "3"}, True),
        ({"class": "NetworkTopologyStrategy", "a": 3}, {"class": NETWORK, "a": "3", "b": "3"}, False),
        (
            {"class": "SimpleStrategy", "replication_factor": 1},
            {"class": "x.SimpleStrategy", "replication_factor": "1"},
            True,
        ),
        (
            {"class": "SimpleStrategy", "replication_factor": 1},
            {"class": "x.SimpleStrategy", "replication_factor": "2"},
            False,
        ),
    ],
)
def test_replication_is_compared_by_meaning(declared: dict[str, Any], actual: dict[str, str], same: bool) -> None:
    assert same_replication(declared, actual) is same
