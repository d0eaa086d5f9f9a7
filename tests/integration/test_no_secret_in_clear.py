"""No password of the stack can be read in state, containers, REST answers, logs or process lists."""

from __future__ import annotations

import pytest

from tests.support.pipeline import PROJECT, Pipeline
from tests.support.secrets_scan import plant, readable_places, scan, stack_secrets

pytestmark = pytest.mark.integration

CONFIG_SECRETS = {"scyllaAdminPassword", "postgresAdminPassword", "vaultToken"}


def test_no_secret_can_be_read(pipeline: Pipeline) -> None:
    secrets = stack_secrets(pipeline)
    assert {f"scylla-pg-cdc:{key}" for key in CONFIG_SECRETS} <= secrets.keys()
    assert any("unseal_keys" in name for name in secrets)
    places = list(readable_places(pipeline))
    assert {name.split()[0] for name, _ in places} >= {"file", "docker", "GET", "process"}

    assert scan(secrets, places) == []


def test_the_scanner_finds_a_planted_secret(pipeline: Pipeline) -> None:
    secrets = stack_secrets(pipeline)
    planted = PROJECT / ".state" / "planted-by-a-test"
    plant(planted, secrets["scylla-pg-cdc:postgresAdminPassword"])
    try:
        findings = scan(secrets, readable_places(pipeline))
    finally:
        planted.unlink()

    assert [(finding.secret, finding.place) for finding in findings] == [
        ("scylla-pg-cdc:postgresAdminPassword", "file .state/planted-by-a-test")
    ]
