import re
from typing import Any

import pytest

from components.scylla.role import RoleProvider
from tests.unit.components.scylla_fakes import ADMIN_PASSWORD, CONTACT_POINTS, FakeScylla, configured

SELECT_USERS = {"permission": "SELECT", "resource": "TABLE shop.users"}


def inputs(**changes: Any) -> dict[str, Any]:
    return {
        "name": "cdc_reader",
        "password": "reader's",
        "contact_points": CONTACT_POINTS,
        "grants": [SELECT_USERS],
        "login": True,
        "superuser": False,
    } | changes


def server_with_role(**changes: Any) -> FakeScylla:
    return FakeScylla(
        passwords={"cassandra": ADMIN_PASSWORD, "cdc_reader": "reader's"},
        roles=[
            {"role": "cassandra", "login": True, "super": True},
            {"role": "cdc_reader", "login": True, "super": False} | changes,
        ],
        permissions=[{"permission": "SELECT", "resource": "<table shop.users>"}],
    )


def test_a_missing_role_is_created_with_its_grants_only() -> None:
    server = FakeScylla()
    grants = [
        SELECT_USERS,
        {"permission": "SELECT", "resource": "KEYSPACE logs"},
        {"permission": "MODIFY", "resource": "ALL KEYSPACES"},
    ]
    result = configured(RoleProvider, server).create(inputs(grants=grants))
    assert result.outs == inputs(grants=grants)
    assert server.statements == [
        "CREATE ROLE \"cdc_reader\" WITH PASSWORD = 'reader''s' AND LOGIN = true AND SUPERUSER = false",
        'GRANT MODIFY ON ALL KEYSPACES TO "cdc_reader"',
        'GRANT SELECT ON KEYSPACE "logs" TO "cdc_reader"',
        'GRANT SELECT ON TABLE "shop"."users" TO "cdc_reader"',
    ]


def test_a_password_that_is_accepted_is_not_set_again() -> None:
    server = server_with_role()
    configured(RoleProvider, server).create(inputs())
    assert server.statements == ['ALTER ROLE "cdc_reader" WITH LOGIN = true AND SUPERUSER = false']


def test_a_new_password_is_set() -> None:
    server = server_with_role()
    configured(RoleProvider, server).update("cdc_reader", inputs(), inputs(password="new"))
    assert server.statements == [
        "ALTER ROLE \"cdc_reader\" WITH PASSWORD = 'new' AND LOGIN = true AND SUPERUSER = false"
    ]


def without_password() -> dict[str, Any]:
    return {name: value for name, value in inputs().items() if name != "password"}


def test_a_role_whose_password_somebody_else_sets_gets_one_that_nobody_knows() -> None:
    server = FakeScylla()
    result = configured(RoleProvider, server).create(without_password())
    match = re.search(r"PASSWORD = '([^']+)'", server.statements[0])
    assert match is not None
    assert len(match[1]) >= 32
    assert match[1] not in str(result.outs)


def test_a_password_that_somebody_else_sets_is_neither_touched_nor_looked_at() -> None:
    server = server_with_role()
    server.passwords["cdc_reader"] = "set by Vault"
    provider = configured(RoleProvider, server)
    provider.update("cdc_reader", without_password(), without_password())
    assert server.statements == ['ALTER ROLE "cdc_reader" WITH LOGIN = true AND SUPERUSER = false']
    assert provider.read("cdc_reader", without_password()).outs == without_password()


def test_grants_that_are_not_declared_are_revoked() -> None:
    server = server_with_role()
    server.permissions += [
        {"permission": "MODIFY", "resource": "<table shop.users>"},
        {"permission": "SELECT", "resource": "<all keyspaces>"},
        {"permission": "ALTER", "resource": "<role cdc_reader>"},
    ]
    configured(RoleProvider, server).create(inputs())
    assert server.statements[1:] == [
        'REVOKE MODIFY ON TABLE "shop"."users" FROM "cdc_reader"',
        'REVOKE SELECT ON ALL KEYSPACES FROM "cdc_reader"',
    ]


def test_a_role_may_be_kept_from_logging_in() -> None:
    server = FakeScylla()
    configured(RoleProvider, server).create(inputs(login=False, grants=[]))
    assert "LOGIN = false" in server.statements[0]


def test_refresh_of_an_unchanged_role_shows_no_change() -> None:
    provider = configured(RoleProvider, server_with_role())
    read = provider.read("cdc_reader", inputs())
    assert read.outs == inputs()
    assert provider.diff("cdc_reader", read.outs, inputs()).changes is False


def test_refresh_reports_a_password_changed_by_hand_without_telling_it() -> None:
    server = server_with_role()
    server.passwords["cdc_reader"] = "by-hand"
    provider = configured(RoleProvider, server)
    read = provider.read("cdc_reader", inputs())
    assert read.outs is not None
    assert read.outs["password"] == ""
    assert "by-hand" not in str(read.outs)
    assert provider.diff("cdc_reader", read.outs, inputs()).changes is True


@pytest.mark.parametrize(
    ("change", "name", "value"), [({"super": True}, "superuser", True), ({"login": False}, "login", False)]
)
def test_refresh_shows_what_was_changed_by_hand(change: dict[str, Any], name: str, value: object) -> None:
    read = configured(RoleProvider, server_with_role(**change)).read("cdc_reader", inputs())
    assert read.outs is not None
    assert read.outs[name] is value


def test_refresh_shows_grants_changed_by_hand() -> None:
    server = server_with_role()
    server.permissions = [{"permission": "SELECT", "resource": "<keyspace shop>"}]
    read = configured(RoleProvider, server).read("cdc_reader", inputs())
    assert read.outs is not None
    assert read.outs["grants"] == [{"permission": "SELECT", "resource": "KEYSPACE shop"}]


def test_a_role_that_is_gone_leaves_the_state() -> None:
    read = configured(RoleProvider, FakeScylla()).read("cdc_reader", inputs())
    assert (read.id, read.outs) == (None, {})


def test_deleting_the_resource_drops_the_role() -> None:
    server = server_with_role()
    configured(RoleProvider, server).delete("cdc_reader", inputs())
    assert server.statements == ['DROP ROLE IF EXISTS "cdc_reader"']


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ({"permission": "ALL", "resource": "ALL KEYSPACES"}, "permission ALL is not one of"),
        ({"permission": "SELECT", "resource": "TABLE users"}, "resource 'TABLE users' is not"),
        ({"permission": "SELECT", "resource": 'TABLE a.b TO x; DROP "'}, "is not ALL KEYSPACES"),
        ({"permission": "SELECT"}, "resource 'None' is not"),
    ],
)
def test_wrong_grants_are_refused_before_anything_is_asked(grant: dict[str, str], reason: str) -> None:
    failures = RoleProvider().check({}, inputs(grants=[grant])).failures
    assert [failure.property for failure in failures] == ["grants"]
    assert reason in failures[0].reason
