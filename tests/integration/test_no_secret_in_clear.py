"""No password of the stack can be read in state, containers, REST answers, logs or process lists."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.pipeline import PROJECT, Pipeline
from tests.support.secrets_scan import plant, readable_places, scan, stack_secrets

pytestmark = pytest.mark.integration

CONFIG_SECRETS = {"scyllaAdminPassword", "postgresAdminPassword", "monitorPassword", "vaultToken"}


def test_no_secret_can_be_read(pipeline: Pipeline) -> None:
    secrets = stack_secrets(pipeline)
    assert {f"scylla-pg-cdc:{key}" for key in CONFIG_SECRETS} <= secrets.keys()
    assert any("unseal_keys" in name for name in secrets)
    assert sum("wrapping_token" in name for name in secrets) == 3
    assert not [name for name, value in secrets.items() if not value]
    places = list(readable_places(pipeline))
    assert {name.split()[0] for name, _ in places} >= {
        *("file", "docker", "image", "environment", "GET", "audit", "process"),
    }

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


def test_the_scanner_finds_a_password_of_the_sink_in_a_process_list(pipeline: Pipeline) -> None:
    secrets = stack_secrets(pipeline)
    name = "vault-agent: password of postgres"
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", secrets[name]])
    try:
        findings = scan(secrets, readable_places(pipeline))
    finally:
        sleeper.kill()
        sleeper.wait()

    assert [(finding.secret, finding.place) for finding in findings] == [(name, "process list")]
