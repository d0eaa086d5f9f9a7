"""The reconcile job as the program registers it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from components.reconcile_job import CONFIG_FILE
from infra.config_reader import SettingsError
from reconcile.model import RepairPolicy
from reconcile.settings import Settings, load_settings
from tests.unit.infra.program import Program, is_secret, plain, run_program, strings

CONTAINER = "docker:index/container:Container"


@pytest.fixture(scope="module")
def dev() -> Program:
    return run_program("dev")


def uploads(program: Program, container: str) -> dict[str, Any]:
    return {
        plain(upload)["file"]: plain(plain(upload)["content"])
        for upload in plain(program.one(CONTAINER, container).inputs["uploads"])
    }


def config_of(program: Program, folder: Path) -> Settings:
    path = folder / "reconcile.yaml"
    path.write_text(uploads(program, "reconcile")[CONFIG_FILE])
    return load_settings(path, {})


def test_the_job_reads_a_valid_configuration_of_the_stacks_tables(dev: Program, tmp_path: Path) -> None:
    settings = config_of(dev, tmp_path)

    assert [(table.source, table.target, table.topic) for table in settings.tables] == [
        ("shop.users", "public.users", "cdc.shop.users"),
        ("shop.orders", "public.orders", "cdc.shop.orders"),
    ]
    assert settings.scylla.contact_points == ("scylla:9042",)
    assert (settings.postgres.host, settings.postgres.database) == ("postgres", "warehouse")
    assert settings.pipeline.connect_url == "http://connect-1:8083"
    assert settings.pipeline.kafka_bootstrap_servers == "kafka-1:9092"
    assert (settings.pipeline.source_connector, settings.pipeline.sink_connector) == ("scylla-source", "postgres-sink")
    assert settings.settle_seconds == 12


def test_the_schedule_of_the_stack_is_the_schedule_of_the_job(tmp_path: Path) -> None:
    program = run_program(
        "dev",
        reconcileSchedule="30 1 * * mon-fri",
        reconcileTimeZone="Europe/Berlin",
        reconcileFullOn=["fri"],
        reconcileRepair="missing",
    )

    schedule = config_of(program, tmp_path).schedule

    assert (schedule.cron, schedule.time_zone, schedule.full_on) == ("30 1 * * mon-fri", "Europe/Berlin", ("fri",))
    assert schedule.repair is RepairPolicy.MISSING


def test_by_default_nothing_is_repaired(dev: Program, tmp_path: Path) -> None:
    settings = config_of(dev, tmp_path)

    assert settings.schedule.repair is RepairPolicy.NONE
    assert settings.run.repair is RepairPolicy.NONE


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"reconcileSchedule": "at night"}, "reconcileSchedule: is not a cron expression"),
        ({"reconcileTimeZone": "Moon/Base"}, "reconcileTimeZone: is not a time zone"),
        ({"reconcileFullOn": ["sunday"]}, "reconcileFullOn: should be 'mon'"),
        ({"reconcileRepair": "some"}, "reconcileRepair: is 'some'"),
        ({"reconcileWorkers": 0}, "reconcileWorkers: is 0"),
    ],
)
def test_a_wrong_schedule_is_refused_before_any_resource(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        run_program("dev", **overrides)


def test_the_job_has_no_password_but_the_files_of_an_agent_of_its_own(dev: Program) -> None:
    job, agent = (dev.one(CONTAINER, name).inputs for name in ("reconcile", "reconcile-agent"))

    def secrets(container: Any) -> list[tuple[str, bool]]:
        return [
            (volume["volumeName"], bool(volume.get("readOnly")))
            for volume in container["volumes"]
            if volume["containerPath"] == "/vault/secrets"
        ]

    assert secrets(job) == [("scylla-pg-cdc-dev-reconcile-secrets", True)]
    assert secrets(agent) == [("scylla-pg-cdc-dev-reconcile-secrets", False)]
    assert "POSTGRES_LOGIN=cdc-database/creds/reconcile" in agent["envs"]
    assert "SCYLLA_LOGIN=cdc-database/static-creds/cdc_reconcile" in agent["envs"]
    assert not is_secret(job["uploads"])
    assert not [text for text in strings(job) if "password" in text.lower()]


def test_its_secrets_are_in_memory(dev: Program) -> None:
    volume = dev.one("docker:index/volume:Volume", "reconcile-secrets").inputs

    assert volume["driverOpts"]["type"] == "tmpfs"


def test_its_policy_reads_its_two_logins_and_nothing_else(dev: Program) -> None:
    policy = dev.one("vault:index/policy:Policy", "cdc-reconcile").inputs["policy"]

    assert re.findall(r'path "(.+)"', policy) == [
        "cdc-database/static-creds/cdc_reconcile",
        "cdc-database/creds/reconcile",
    ]
    assert re.findall(r"capabilities = (.+)", policy) == ['["read"]'] * 2
    roles = {role.name: role.inputs["tokenPolicies"] for role in dev.of_type("authBackendRole:AuthBackendRole")}
    assert roles == {"connect": ["cdc-pipeline"], "reconcile": ["cdc-reconcile"], "canary": ["cdc-canary"]}


def test_no_consumers_policy_covers_the_others_logins(dev: Program) -> None:
    paths = {
        policy.name: set(re.findall(r'path "(.+)"', policy.inputs["policy"])) for policy in dev.of_type("policy:Policy")
    }

    assert len(set().union(*paths.values())) == sum(len(found) for found in paths.values())
    assert not [path for found in paths.values() for path in found if "*" in path or "+" in path]


def test_its_role_in_scylla_reads_what_the_source_connector_reads(dev: Program) -> None:
    reader, reconciler = (dev.one("scylla:Role", name).inputs for name in ("cdc_reader", "cdc_reconcile"))

    of_users = [grant for grant in reader["grants"] if "cdc_monitor" not in grant["resource"]]
    assert reconciler["grants"] == of_users
    assert "password" not in reconciler


def test_its_role_in_postgresql_owns_the_schema_of_its_tables(dev: Program) -> None:
    schema = dev.one("postgresql:index/schema:Schema", "reconcile").inputs

    assert (schema["owner"], schema["database"]) == ("reconcile", "warehouse")


def test_its_health_is_that_of_the_service_itself(dev: Program) -> None:
    health = dev.one(CONTAINER, "reconcile").inputs["healthcheck"]

    shell, command = health["tests"]
    assert shell == "CMD-SHELL"
    *program, script = shlex.split(command)
    assert program == ["exec", "python3", "-c"]
    assert 'urlopen("http://127.0.0.1:9108/healthz", timeout=4)' in script


def test_outputs_say_where_the_metrics_are_and_how_to_run_on_demand(dev: Program) -> None:
    assert dev.outputs["endpoints"]["reconcile"] == "http://127.0.0.1:29108/metrics"
    assert dev.outputs["commands"]["reconcile"] == "make reconcile STACK=dev ARGS='run --table shop.users'"


def test_it_can_be_left_out() -> None:
    program = run_program("dev", reconcileEnabled=False)

    assert not program.names(CONTAINER) & {"reconcile", "reconcile-agent"}
    assert "reconcile" not in program.outputs["endpoints"]
    assert "reconcile" not in program.outputs["commands"]


def test_on_swarm_its_port_is_not_published() -> None:
    prod = run_program("prod")

    service = prod.one("docker:index/service:Service", "reconcile").inputs
    assert not service["endpointSpec"].get("ports")
    assert service["mode"]["replicated"]["replicas"] == 1
    assert "reconcile" not in prod.outputs["endpoints"]


def test_brokers_with_tls_are_asked_over_tls(tmp_path: Path) -> None:
    program = run_program(
        "dev",
        kafkaMode="external",
        kafkaBootstrapServers=["kafka.test:9093"],
        kafkaTlsEnabled=True,
        kafkaReplicationFactor=1,
    )

    pipeline = config_of(program, tmp_path).pipeline
    assert (pipeline.kafka_bootstrap_servers, pipeline.kafka_tls) == ("kafka.test:9093", True)


def test_dev_builds_the_image_from_the_repository_and_the_testbed_has_its_own(dev: Program) -> None:
    image = dev.one("remoteImage:RemoteImage", "reconcile").inputs
    assert image["build"]["dockerfile"] == "images/reconcile/Dockerfile"
    assert image["build"]["buildArgs"] == {"BASE_IMAGE": "python:3.11.11-slim-bookworm"}

    testbed = run_program("testbed").one("remoteImage:RemoteImage", "reconcile").inputs
    assert testbed["name"].startswith("scylla-pg-cdc-testbed/reconcile:")
    assert testbed.get("build") is None


def test_a_finished_image_can_be_named() -> None:
    program = run_program("dev", imageOverrides={"reconcile": "mirror.test/reconcile:1"})

    image = program.one("remoteImage:RemoteImage", "reconcile").inputs
    assert image["name"] == "mirror.test/reconcile:1"
    assert image.get("build") is None
    assert "python" not in program.names("remoteImage:RemoteImage")
