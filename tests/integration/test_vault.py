"""Vault logs who did what without a secret, rotates that log, and opens itself again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from components.vault import audit
from tests.support.commands import cdc
from tests.support.pipeline import Pipeline, run
from tests.support.secrets_scan import scan, stack_secrets
from tests.support.vault import administrator, audit_entries, audit_text, is_sealed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ROLES = {"cdc_writer", "cdc_reader", "cdc_reconcile", "cdc_canary", "cdc_canary_reader"}
"""Whose passwords Vault changes."""
CONNECT_SECRET = "cdc-database/static-creds/cdc_writer"
ROTATED = f"{audit.FILE}.1"


def test_a_read_is_in_the_audit_log_with_its_reader_and_without_the_secret(pipeline: Pipeline) -> None:
    with administrator(pipeline) as vault:
        login = vault.login("connect")
        password = login.api.call("GET", CONNECT_SECRET)["data"]["password"]

    entry = audit_entries(pipeline, CONNECT_SECRET)[-1]
    assert entry["auth"]["metadata"]["role_name"] == "connect"
    assert entry["auth"]["token_policies"] == ["cdc-pipeline", "default"]
    assert entry["request"]["operation"] == "read"
    assert entry["request"]["remote_address"]
    assert entry["response"]["data"]["password"].startswith("hmac-sha256:")
    secrets = {**stack_secrets(pipeline), "password": password, "secret id": login.secret_id, "token": login.token}
    assert scan(secrets, [("the audit log", audit_text(pipeline))]) == []


def test_a_refused_read_is_in_the_audit_log_as_well(pipeline: Pipeline) -> None:
    with administrator(pipeline) as vault:
        assert vault.login("reconcile").api.status("GET", CONNECT_SECRET) == 403

    refused = [entry for entry in audit_entries(pipeline, CONNECT_SECRET) if entry.get("error")]
    assert refused[-1]["auth"]["metadata"]["role_name"] == "reconcile"
    assert "permission denied" in refused[-1]["error"]


def test_the_audit_log_is_rotated_when_it_is_large_and_goes_on(pipeline: Pipeline) -> None:
    container = pipeline.outputs.containers["vault"]
    with administrator(pipeline) as vault:
        vault.call("GET", "sys/mounts/cdc-database")
        # Blank lines stand for the 20 MB that nobody wants to wait for.
        fill = f"head -c {audit.MAX_BYTES + 1} /dev/zero | tr '\\0' '\\n' >>{audit.FILE}"
        run("docker", "exec", "--user", "vault", container, "sh", "-c", fill)
        wait_until("the audit log is put aside", lambda: len(audit_text(pipeline)) < audit.MAX_BYTES, 30)
        vault.call("GET", "sys/mounts/cdc-database/tune")
        wait_until("the new file has entries", lambda: audit_entries(pipeline, "sys/mounts/cdc-database/tune"), 30)

    assert audit_entries(pipeline, "sys/mounts/cdc-database", ROTATED)


def test_status_shows_when_each_password_was_changed(pipeline: Pipeline) -> None:
    shown = json.loads(cdc("status", "--format", "json").stdout)["rotations"]

    assert shown["error"] == ""
    assert {each["role"] for each in shown["roles"]} == ROLES
    with administrator(pipeline) as vault:
        for each in shown["roles"]:
            role = vault.call("GET", f"cdc-database/static-roles/{each['role']}")["data"]
            last = datetime.fromisoformat(role["last_vault_rotation"]).replace(microsecond=0)
            assert datetime.fromisoformat(each["last"]) == last
            assert datetime.fromisoformat(each["next"]) == last + timedelta(seconds=role["rotation_period"])


def stop(pipeline: Pipeline) -> None:
    run("docker", "restart", pipeline.outputs.containers["vault"])


def seal(pipeline: Pipeline) -> None:
    with administrator(pipeline) as vault:
        vault.call("PUT", "sys/seal")


@pytest.mark.parametrize("disturb", [stop, seal], ids=["restarted", "sealed"])
def test_vault_opens_itself_again(pipeline: Pipeline, disturb: Callable[[Pipeline], None]) -> None:
    disturb(pipeline)

    wait_until("Vault is open again", lambda: is_sealed(pipeline) is False, 60)
    with administrator(pipeline) as vault:
        assert vault.login("connect").api.status("GET", CONNECT_SECRET) == 200
    pipeline.assert_no_task_failed()
