"""The stack as a whole: idempotent, healed by `up`, honest about failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.tls.trust import client_context
from tests.support.commands import cdc
from tests.support.pipeline import Pipeline, bring_up, run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PROGRAMS = Path(__file__).parent / "programs"


def test_a_second_up_changes_nothing(pipeline: Pipeline) -> None:
    done = pipeline.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")

    assert done.ok, done.stdout + done.stderr


def test_a_refreshed_preview_expects_no_changes(pipeline: Pipeline) -> None:
    done = pipeline.pulumi("preview", "--refresh", "--expect-no-changes")

    assert done.ok, done.stdout + done.stderr


def test_drift_in_a_connector_is_healed_by_up(pipeline: Pipeline) -> None:
    name = pipeline.outputs.connectors["sink"]
    with pipeline.connect() as client:
        wanted = client.get_config(name)
        client.put_config(name, {**wanted, "batch.size": "7"})

    done = pipeline.pulumi("up", "--yes", "--skip-preview", "--refresh")

    assert done.ok, done.stdout + done.stderr
    with pipeline.connect() as client:
        assert client.get_config(name) == wanted
    pipeline.wait_running()


def test_a_connector_deleted_by_hand_comes_back(pipeline: Pipeline) -> None:
    name = pipeline.outputs.connectors["source"]
    with pipeline.connect() as client:
        client.delete(name)

    done = pipeline.pulumi("up", "--yes", "--skip-preview", "--refresh")

    assert done.ok, done.stdout + done.stderr
    pipeline.wait_running()
    pipeline.wait_equal()


def test_make_up_brings_back_what_was_stopped_removed_or_deleted_by_hand(pipeline: Pipeline) -> None:
    run("docker", "stop", pipeline.outputs.containers["schema-registry"])
    run("docker", "rm", "--force", pipeline.outputs.containers["vault-agent"])
    with pipeline.connect() as client:
        client.delete(pipeline.outputs.connectors["sink"])

    bring_up()

    pipeline.wait_healthy("schema-registry")
    pipeline.wait_healthy("vault-agent")
    pipeline.wait_running()
    pipeline.wait_equal()


def test_make_up_unseals_a_restarted_vault(pipeline: Pipeline) -> None:
    run("docker", "restart", pipeline.outputs.containers["vault"])

    bring_up()

    verify = client_context(pipeline.outputs.trusted)
    health = httpx.get(f"{pipeline.outputs.endpoints['vault']}/v1/sys/health", verify=verify, timeout=10)
    assert health.status_code == httpx.codes.OK, health.text
    pipeline.wait_running()


def test_a_failing_connector_fails_up_with_its_own_message(pipeline: Pipeline, tmp_path: Path) -> None:
    program = PROGRAMS / "failing_connector"
    env = ["env", f"PULUMI_BACKEND_URL=file://{tmp_path}", "PULUMI_CONFIG_PASSPHRASE=x"]
    env += [f"{key}={value}" for key, value in pipeline.cli.variables.items() if key in {"PATH", "PULUMI_HOME"}]
    pulumi = [*env, pipeline.cli.tools.binary, "--non-interactive", "--cwd", str(program)]
    run(*pulumi, "stack", "init", "failing", "--no-select")
    settings = {"url": pipeline.outputs.endpoints["connect"], "tlsCaCertificate": pipeline.outputs.trusted}
    if login := pipeline.outputs.connect:
        settings |= {"connectUser": login.username, "connectPassword": login.password}
    for key, value in settings.items():
        run(*pulumi, "config", "set", "--secret", "--stack", "failing", "--", key, value)  # a PEM begins with dashes

    with pytest.raises(AssertionError) as failure:
        run(*pulumi, "up", "--yes", "--skip-preview", "--stack", "failing")

    message = str(failure.value)
    assert "doomed-sink" in message
    assert "3D000" in message, message  # PostgreSQL: the database does not exist
    with pipeline.connect() as client:
        client.delete("doomed-sink")


def test_brokers_do_not_create_topics(pipeline: Pipeline) -> None:
    state = json.loads(pipeline.pulumi("stack", "export").stdout)
    ours = {
        resource["outputs"]["name"]
        for resource in state["deployment"]["resources"]
        if resource["type"] == "kafka:index/topic:Topic"
    }

    assert set(pipeline.outputs.topics.values()) <= ours


def test_the_registry_enforces_backward_compatibility_and_keeps_ids_over_a_restart(pipeline: Pipeline) -> None:
    topic = pipeline.outputs.topics["shop.users"]

    def ask(path: str) -> httpx.Response:
        with pipeline.registry_http() as http:
            return http.get(path)

    def subject() -> dict[str, object] | None:
        try:
            answer = ask(f"/subjects/{topic}-value/versions/latest")
        except httpx.TransportError:
            return None
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None

    before = wait_until("the connector has registered its schema", subject)
    assert before
    assert ask("/config").json()["compatibilityLevel"] == "BACKWARD"

    pipeline.restart("schema-registry")

    after = wait_until("the registry answers again", subject)
    assert after
    assert after["id"] == before["id"]
    assert ask("/config").json()["compatibilityLevel"] == "BACKWARD"


def test_status_says_that_everything_runs(pipeline: Pipeline) -> None:
    pipeline.wait_running()

    def status() -> dict[str, Any]:
        # An alert that a test before this one made fire needs a moment to end.
        return dict(json.loads(cdc("status", "--format", "json").stdout))

    found = wait_until("the status is good", lambda: (said := status())["ok"] and said)
    assert found["watching"]["figures"]["canary_age_seconds"] < 60
    doctor = json.loads(cdc("doctor", "--format", "json").stdout)
    assert {each["what"] for each in doctor} <= {alert["summary"] for alert in found["watching"]["alerts"]}
