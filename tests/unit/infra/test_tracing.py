"""What the program registers to trace rows, and that the pipeline is the same without it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.kafka_connect.worker import POOLED_CALLBACKS
from infra.config_reader import SettingsError
from tests.unit.infra.program import Program, run_program
from tests.unit.infra.test_monitoring import containers, scraped, uploaded

CONNECTOR = "kafka-connect:Connector"


@pytest.fixture(scope="module")
def traced() -> Program:
    return run_program("testbed")


@pytest.fixture(scope="module")
def untraced() -> Program:
    return run_program("testbed", tracing=False)


def environment(program: Program, service: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in containers(program)[service]["envs"])


def config(program: Program, connector: str) -> dict[str, Any]:
    return dict(program.one(CONNECTOR, connector).inputs["config"])


def test_the_worker_sends_a_sample_of_its_spans_to_jaeger(traced: Program) -> None:
    worker = environment(traced, "connect-1")

    assert worker["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"
    assert (worker["OTEL_TRACES_SAMPLER"], worker["OTEL_TRACES_SAMPLER_ARG"]) == ("parentbased_traceidratio", "0.01")
    assert (worker["OTEL_METRICS_EXPORTER"], worker["OTEL_LOGS_EXPORTER"]) == ("none", "none")


def test_exceptions_whose_messages_quote_values_go_nowhere(traced: Program) -> None:
    worker = environment(traced, "connect-1")

    assert (worker["OTEL_SEMCONV_EXCEPTION_SIGNAL_PREVIEW"], worker["OTEL_LOGS_EXPORTER"]) == ("logs", "none")


def test_both_agents_are_loaded_by_the_same_variable(traced: Program) -> None:
    *agents, other = environment(traced, "connect-1")["KAFKA_OPTS"].split()

    assert [agent.rpartition("/")[2] for agent in agents] == ["opentelemetry-javaagent.jar", "connect.yml"]
    assert all(agent.startswith("-javaagent:/usr/share/cdc-agents/") for agent in agents)
    assert other == POOLED_CALLBACKS


def test_only_rows_are_instrumented(traced: Program) -> None:
    enabled = {name: value for name, value in environment(traced, "connect-1").items() if name.endswith("_ENABLED")}

    assert enabled.pop("OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED") == "false"
    assert {name for name in enabled if name.startswith("OTEL_")} == {
        f"OTEL_INSTRUMENTATION_{name}_ENABLED" for name in ("KAFKA", "JDBC", "OPENTELEMETRY_API")
    }


def test_the_source_begins_traces_and_the_sink_reads_their_headers(traced: Program) -> None:
    source = config(traced, "scylla-source")
    assert (source["transforms"], source["transforms.trace.type"]) == ("trace", "cdc.connect.TraceRow")
    assert config(traced, "postgres-sink")["header.converter"].endswith(".StringConverter")


def test_without_tracing_nothing_of_it_is_there(traced: Program, untraced: Program) -> None:
    assert set(containers(traced)) - set(containers(untraced)) == {"jaeger"}
    assert not [name for name in environment(untraced, "connect-1") if name.startswith("OTEL_")]
    assert "opentelemetry" not in environment(untraced, "connect-1")["KAFKA_OPTS"]
    assert "transforms" not in config(untraced, "scylla-source")
    assert "header.converter" not in config(untraced, "postgres-sink")
    assert "jaeger" not in untraced.outputs["endpoints"]
    assert ("jaeger", "jaeger") not in scraped(untraced)
    assert (traced.outputs["trace_sample_ratio"], untraced.outputs["trace_sample_ratio"]) == (0.01, 0)


def test_without_monitoring_there_is_no_tracing() -> None:
    assert "jaeger" not in containers(run_program("testbed", monitoring=False))


def test_the_ratio_is_configured() -> None:
    program = run_program("dev", tracingSampleRatio="1.0")

    assert environment(program, "connect-1")["OTEL_TRACES_SAMPLER_ARG"] == "1"
    assert program.outputs["trace_sample_ratio"] == 1


@pytest.mark.parametrize("wrong", ["1.5", "-0.1", "a tenth", "nan"])
def test_a_ratio_that_is_none_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(SettingsError, match="tracingSampleRatio") as refusal:
        run_program("dev", tracingSampleRatio=wrong)
    assert "scylla-pg-cdc:tracingSampleRatio: 0.01" in str(refusal.value)


def test_jaeger_keeps_its_traces_within_its_memory(traced: Program) -> None:
    jaeger = containers(traced)["jaeger"]

    assert "--memory.max-traces=10000" in jaeger["command"]
    assert environment(traced, "jaeger")["GOMEMLIMIT"] == "409MiB"
    assert jaeger["memory"] == 512
    assert [port["internal"] for port in jaeger["ports"]] == [16686]
    assert scraped(traced)["jaeger", "jaeger"] == "jaeger:14269"


def test_reconcile_sends_its_spans_there_too(traced: Program, untraced: Program) -> None:
    path = "/etc/reconcile/reconcile.yaml"

    assert yaml.safe_load(uploaded(traced, "reconcile", path))["tracing"] == {"endpoint": "http://jaeger:4318"}
    assert "tracing" not in yaml.safe_load(uploaded(untraced, "reconcile", path))


def test_workers_of_other_people_are_not_counted_on() -> None:
    program = run_program("dev", connectMode="external", connectUrl="http://connect.test:8083")

    assert "transforms" not in config(program, "scylla-source")
    assert program.outputs["trace_sample_ratio"] == 0


def test_on_swarm_jaeger_is_a_service_that_is_not_published() -> None:
    prod = run_program("prod")

    assert prod.one("docker:index/service:Service", "jaeger").inputs["endpointSpec"].get("ports", []) == []
    assert "jaeger" not in prod.outputs["endpoints"]
    worker = prod.one("docker:index/service:Service", "connect").inputs["taskSpec"]["containerSpec"]["env"]
    assert worker["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4318"
