"""Wrong configuration is refused before any resource exists, with the key and the YAML to paste."""

from __future__ import annotations

from typing import Any

import pytest

from infra.config_reader import SettingsError
from tests.unit.infra.program import load


@pytest.mark.parametrize("stack", ["dev", "prod", "testbed"])
def test_the_stack_files_of_the_repository_are_valid(stack: str) -> None:
    assert load(stack).stack == stack


def test_defaults_come_from_the_project_file() -> None:
    settings = load()

    assert settings.kafka.topic_retention_hours == 168
    assert settings.connect.window_size_ms == 1000
    assert settings.docker.bind_address == "127.0.0.1"


def test_a_missing_secret_says_how_to_set_it() -> None:
    with pytest.raises(SettingsError) as error:
        load(postgresAdminPassword="")

    assert "pulumi config set --secret scylla-pg-cdc:postgresAdminPassword --stack dev" in str(error.value)


def test_all_problems_are_reported_at_once_and_no_secret_with_them() -> None:
    with pytest.raises(SettingsError) as error:
        load(kafkaMode="magic", topicRetentionHours=1, vaultToken="")

    message = str(error.value)
    assert "kafkaMode: is 'magic', allowed: container, external" in message
    assert "topicRetentionHours: is 1, the minimum is 24" in message
    assert "vaultToken: the secret is missing" in message
    assert "made-up-" not in message


def test_the_error_shows_the_lines_to_paste() -> None:
    with pytest.raises(
        SettingsError, match=r"In Pulumi\.dev\.yaml:\n    config:\n      scylla-pg-cdc:kafkaMode: container"
    ):
        load(kafkaMode="magic")


@pytest.mark.parametrize(
    ("mode", "needed"),
    [
        ("kafkaMode", "kafkaBootstrapServers"),
        ("registryMode", "registryUrl"),
        ("connectMode", "connectUrl"),
        ("scyllaMode", "scyllaContactPoints"),
        ("postgresMode", "postgresHost"),
        ("vaultMode", "vaultAddress"),
    ],
)
def test_an_external_service_needs_its_address(mode: str, needed: str) -> None:
    with pytest.raises(SettingsError, match=needed):
        load(**{mode: "external"})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"kafkaReplicationFactor": 3}, "exceeds kafkaBrokers"),
        ({"kafkaMinInsyncReplicas": 2}, "nothing could be written"),
        ({"kafkaBrokers": "many"}, "kafkaBrokers"),
        ({"tables": []}, "no table is listed"),
        ({"tables": [{"source": "shop.users"}]}, "missing partitionKey, target"),
        ({"tables": {}}, "must be a list"),
        ({"imageOverrides": []}, "must be a mapping"),
        ({"images": None}, "is missing"),
    ],
)
def test_contradictions_are_named(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(**overrides)


def test_an_unknown_key_of_a_table_is_named() -> None:
    table = {"source": "shop.users", "target": "public.users", "partitionKey": ["id"], "clusterKey": ["x"]}

    with pytest.raises(SettingsError, match=r"entry 1 \(shop\.users\): unknown clusterKey"):
        load(tables=[table])


def test_a_table_listed_twice_is_refused() -> None:
    table = {"source": "shop.users", "target": "public.users", "partitionKey": ["id"]}

    with pytest.raises(SettingsError, match=r"shop\.users is listed twice"):
        load(tables=[table, table])


def test_a_table_name_without_a_keyspace_is_refused() -> None:
    with pytest.raises(SettingsError, match="users"):
        load(tables=[{"source": "users", "target": "public.users", "partitionKey": ["id"]}])


USERS = {"source": "shop.users", "target": "public.users", "partitionKey": ["id"]}


def test_a_table_has_the_global_compatibility_level_unless_it_names_its_own() -> None:
    tables = [USERS, USERS | {"source": "shop.orders", "target": "public.orders", "schemaCompatibility": "FULL"}]
    assert [table.compatibility for table in load(tables=tables).tables] == ["BACKWARD", "FULL"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schemaCompatibility": "SIDEWAYS"}, r"shop\.users: schemaCompatibility is 'SIDEWAYS', allowed: BACKWARD"),
        ({"migrations": [{"dropTable": "users"}]}, "migration .* cannot be read; write for example"),
    ],
)
def test_what_a_table_says_of_its_schema_is_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(tables=[USERS | wrong])
