"""The canary's table is replicated like any other, and its logins can do next to nothing."""

from __future__ import annotations

import re

import pytest
import yaml

from reconcile.canary.settings import CanarySettings
from tests.unit.infra.program import Program, plain, run_program

CONTAINER = "docker:index/container:Container"


@pytest.fixture(scope="module")
def dev() -> Program:
    return run_program("dev")


def test_both_connectors_carry_the_canarys_table(dev: Program) -> None:
    source = dev.one("kafka-connect:Connector", "scylla-source").inputs["config"]
    sink = dev.one("kafka-connect:Connector", "postgres-sink").inputs["config"]

    assert "cdc_monitor.canary" in "".join(source.values())
    assert "cdc_monitor" in "".join(sink.values())
    assert "cdc.cdc_monitor.canary" in dev.names("kafka:index/topic:Topic")


def test_nobody_takes_it_for_a_table_of_the_user(dev: Program) -> None:
    assert [table["source"] for table in dev.outputs["tables"]] == ["shop.users", "shop.orders"]
    assert "cdc_monitor.canary" not in dev.outputs["topics"]
    grants = dev.one("scylla:Role", "cdc_reconcile").inputs["grants"]
    assert not [grant for grant in grants if "cdc_monitor" in grant["resource"]]


def test_its_roles_may_write_one_table_and_read_its_copy(dev: Program) -> None:
    assert dev.one("scylla:Role", "cdc_canary").inputs["grants"] == [
        {"permission": "MODIFY", "resource": "TABLE cdc_monitor.canary"}
    ]
    privileges = {grant.name: grant.inputs for grant in dev.of_type("DefaultPrivileges")}
    assert privileges["cdc_canary_reader-cdc_monitor-tables"]["privileges"] == ["SELECT"]
    assert [name for name in privileges if "cdc_monitor" in name] == [
        "cdc_writer-cdc_monitor-tables",
        "cdc_canary_reader-cdc_monitor-tables",
    ]


def test_its_agent_reads_its_own_logins_only(dev: Program) -> None:
    policy = dev.one("vault:index/policy:Policy", "cdc-canary").inputs["policy"]
    paths = re.findall(r'path "(.+)"', policy)
    agent = dev.one(CONTAINER, "canary-agent").inputs
    assert {env.partition("=")[2] for env in agent["envs"] if "_LOGIN=" in env} == set(paths)
    assert len(paths) == 2


def test_the_program_writes_a_configuration_that_the_canary_reads(dev: Program) -> None:
    (config,) = plain(dev.one(CONTAINER, "canary").inputs["uploads"])

    settings = CanarySettings.model_validate(yaml.safe_load(config["content"]))
    assert settings.confidence_window_ms == 5000
    assert settings.every_seconds == 5


@pytest.mark.parametrize("off", [{"monitoring": False}, {"canaryEnabled": False}])
def test_without_it_nothing_of_it_is_there(off: dict[str, bool]) -> None:
    program = run_program("dev", **off)

    assert "canary" not in program.names(CONTAINER)
    assert not [each for each in program.resources if "canary" in each.name or "cdc_monitor." in each.name]


def test_on_swarm_it_runs_once() -> None:
    prod = run_program("prod")

    assert prod.one("docker:index/service:Service", "canary").inputs["mode"]["replicated"]["replicas"] == 1
