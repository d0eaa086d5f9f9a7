"""What the program registers to make a stack visible, and that the pipeline is the same without it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
import yaml

from components.heartbeat import PATH
from infra.config_reader import SettingsError
from tests.unit.infra.program import Program, is_secret, plain, run_program

CONTAINER = "docker:index/container:Container"


def containers(program: Program) -> dict[str, Any]:
    return {container.name: container.inputs for container in program.of_type(CONTAINER)}


def uploaded(program: Program, service: str, path: str) -> str:
    (content,) = [
        plain(upload)["content"]
        for upload in plain(containers(program)[service]["uploads"])
        if plain(upload)["file"] == path
    ]
    return str(plain(content))


def scraped(program: Program) -> dict[tuple[str, str], str]:
    groups = yaml.safe_load(uploaded(program, "prometheus", "/etc/prometheus/targets.yml"))
    return {(group["labels"]["job"], group["labels"]["service"]): group["targets"][0] for group in groups}


@pytest.fixture(scope="module")
def testbed() -> Program:
    return run_program("testbed")


def test_without_monitoring_the_pipeline_is_what_it_would_be_anyway(testbed: Program) -> None:
    plain_stack = run_program("testbed", monitoring=False)

    watched, bare = containers(testbed), containers(plain_stack)
    assert set(watched) - set(bare) == {
        *("prometheus", "alertmanager", "postgres-exporter", "jaeger", "canary-agent", "canary"),
    }
    assert not [env for inputs in bare.values() for env in inputs["envs"] if "javaagent" in env]
    assert not [name for name in plain_stack.names("remoteImage:RemoteImage") if name.endswith("with-agents")]
    assert "CONFIGS=agent.hcl" in bare["vault-agent"]["envs"]
    assert not [env for inputs in bare.values() for env in inputs["envs"] if "HEARTBEAT" in env]
    assert "heartbeats" not in plain_stack.names("docker:index/volume:Volume")
    assert "prometheus" not in plain_stack.outputs["endpoints"]
    assert "cdc_monitor" not in plain_stack.names("postgresql:index/role:Role")


def test_without_monitoring_its_password_is_not_asked_for() -> None:
    run_program("dev", monitoring=False, monitorPassword=None)

    with pytest.raises(SettingsError, match="monitorPassword"):
        run_program("dev", monitorPassword=None)


def test_every_service_of_the_stack_is_scraped_or_gives_signs_of_life(testbed: Program) -> None:
    services = {service for _, service in scraped(testbed)}
    beating = {
        name
        for name, inputs in containers(testbed).items()
        if f"HEARTBEAT_FILE=/run/heartbeats/{name}.yml" in inputs["envs"]
    }

    assert beating == {"vault-unsealer", "connect-restarter"}
    # The target of the exporter is named after PostgreSQL.
    assert services | beating | {"postgres-exporter"} == set(testbed.outputs["containers"])


def test_signs_of_life_are_left_where_prometheus_reads_them(testbed: Program) -> None:
    def mount(service: str) -> dict[str, Any]:
        mounts = [plain(volume) for volume in containers(testbed)[service]["volumes"]]
        (found,) = [each for each in mounts if each["volumeName"] == "scylla-pg-cdc-testbed-heartbeats"]
        return dict(found)

    for service, read_only in (("vault-unsealer", False), ("connect-restarter", False), ("prometheus", True)):
        assert mount(service)["containerPath"] == PATH
        assert bool(mount(service)["readOnly"]) is read_only
    config = yaml.safe_load(uploaded(testbed, "prometheus", "/etc/prometheus/prometheus.yml"))
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "heartbeats"]
    assert job["file_sd_configs"][0]["files"] == [f"{PATH}/*.yml"]
    assert job["relabel_configs"] == [{"action": "drop"}], "nothing that stands in such a file is scraped"


def test_on_swarm_nobody_looks_for_signs_of_life() -> None:
    prod = run_program("prod")

    assert "HEARTBEAT_FILE=" not in str(prod.one("docker:index/service:Service", "connect-restarter").inputs)
    assert "heartbeats" not in prod.names("docker:index/volume:Volume")


def test_java_services_load_the_exporter_with_rules_of_their_own(testbed: Program) -> None:
    loaded = {
        name: option.rpartition("/")[2]
        for name, inputs in containers(testbed).items()
        for env in inputs["envs"]
        for option in env.split()
        if "jmx_prometheus_javaagent" in option
    }

    assert loaded == {
        "zookeeper": "zookeeper.yml",
        "kafka-1": "kafka.yml",
        "schema-registry": "schema-registry.yml",
        "connect-1": "connect.yml",
        "scylla": "jvm.yml",
    }


def test_scylla_itself_is_scraped_on_its_own_port() -> None:
    dev = run_program("dev")

    assert scraped(dev)["scylla", "scylla"] == "scylla:9180"
    assert "scylla-with-agents" not in dev.names("remoteImage:RemoteImage")


def test_each_broker_and_worker_is_a_target() -> None:
    targets = scraped(run_program("dev", kafkaBrokers=2, connectWorkers=2))

    assert {service for job, service in targets if job == "kafka"} == {"kafka-1", "kafka-2"}
    assert {service for job, service in targets if job == "connect"} == {"connect-1", "connect-2"}


def test_services_of_other_people_are_scraped_where_the_configuration_says() -> None:
    program = run_program(
        "dev",
        kafkaMode="external",
        kafkaBootstrapServers=["kafka.test:9092"],
        monitoringTargets={"kafka": ["kafka.test:9404"]},
    )

    targets = scraped(program)
    assert targets["kafka", "kafka.test"] == "kafka.test:9404"
    assert ("zookeeper", "zookeeper") not in targets


def test_an_unknown_job_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="'kafak' is not one of connect, kafka"):
        run_program("dev", monitoringTargets={"kafak": ["kafka.test:9404"]})


def test_on_swarm_dns_finds_the_workers_and_nothing_is_published() -> None:
    prod = run_program("prod")

    service = prod.one("docker:index/service:Service", "prometheus").inputs
    assert service["endpointSpec"].get("ports", []) == []
    configs = prod.of_type("docker:index/serviceConfig:ServiceConfig")
    assert "tasks.connect" in "".join(b64decode(config.inputs["data"]).decode() for config in configs)


def test_the_exporters_role_sees_statistics_and_no_row(testbed: Program) -> None:
    role = testbed.one("postgresql:index/role:Role", "cdc_monitor").inputs

    assert role["roles"] == ["pg_monitor"]
    exporter = containers(testbed)["postgres-exporter"]
    assert "DATA_SOURCE_USER=cdc_monitor" in exporter["envs"]


def test_alerts_go_to_the_webhook_whose_address_nobody_sees() -> None:
    url = "https://hooks.test/token-4711"
    program = run_program("dev", alertWebhookUrl=url)

    uploads = containers(program)["alertmanager"]["uploads"]
    assert is_secret(uploads) or all(is_secret(each) for each in uploads)
    config = yaml.safe_load(uploaded(program, "alertmanager", "/etc/alertmanager/alertmanager.yml"))
    assert config["route"]["receiver"] == "webhook"
    assert config["receivers"][-1]["webhook_configs"][0]["url"] == url


def test_without_alertmanager_prometheus_tells_nobody() -> None:
    program = run_program("dev", alertmanagerEnabled=False)

    assert "alertmanager" not in containers(program)
    alertmanagers = uploaded(program, "prometheus", "/etc/prometheus/alertmanagers.yml")
    assert yaml.safe_load(alertmanagers) == [{"targets": []}]
