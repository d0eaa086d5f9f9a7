"""The figures and alerts of Prometheus, as `cdc status` shows them, and what `cdc doctor` makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
import yaml

from components.observability.prometheus import rule_files
from ops.doctor import _ALERTS, diagnose
from ops.outputs import StackOutputs, parse_outputs
from ops.status import Connector, Service, Status
from ops.watching import QUERIES, Alert, Watching, duration, watch
from tests.unit.ops.ops_fakes import RAW_OUTPUTS

WELL = Status("dev", (Service("kafka-1", "", "healthy", True),), (Connector("sink", "RUNNING", ("RUNNING",), True),))
URL = "http://127.0.0.1:29190"


def outputs(*, watched: bool = True) -> StackOutputs:
    parsed = parse_outputs(RAW_OUTPUTS, "dev")
    return replace(parsed, endpoints={**parsed.endpoints, **({"prometheus": URL} if watched else {})})


def firing(name: str, severity: str = "critical", state: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "state": state,
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {"summary": f"{name} fires", "runbook": f"docs/runbooks.md#{name.lower()}"},
    }


def prometheus(
    value: str | None = "7", alerts: tuple[dict[str, Any], ...] = (), status: int = 200
) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/alerts"):
            return httpx.Response(status, json={"data": {"alerts": list(alerts)}})
        result = [] if value is None else [{"metric": {}, "value": [0, value]}]
        return httpx.Response(status, json={"data": {"result": result}})

    return httpx.MockTransport(answer)


def watching(*alerts: dict[str, Any], value: str | None = "7", status: int = 200) -> Watching:
    found = watch(outputs(), prometheus(value, alerts, status))
    assert found
    return found


def test_a_stack_without_prometheus_has_no_figures() -> None:
    assert watch(outputs(watched=False)) is None
    assert WELL.ok


def test_figures_have_a_value_or_none() -> None:
    assert set(watching().figures.values()) == {7.0}
    assert set(watching(value=None).figures.values()) == {None}
    assert set(watching(value="NaN").figures.values()) == {None}
    assert {value for _, value in watching(value=None).lines()} == {"none yet"}


@pytest.mark.parametrize(("seconds", "text"), [(6.04, "6.0 s"), (119, "119.0 s"), (600, "10 min"), (90000, "25 h")])
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_only_alerts_that_fire_are_shown_critical_ones_first() -> None:
    found = watching(firing("B", "warning"), firing("A"), firing("C", state="pending"))

    assert [alert.name for alert in found.alerts] == ["A", "B"]


def test_a_critical_alert_is_a_problem_and_a_warning_is_not() -> None:
    assert replace(WELL, watching=watching(firing("CdcDlqNotEmpty", "warning"))).ok
    (problem,) = replace(WELL, watching=watching(firing("CdcCanaryOld"))).problems()
    assert "docs/runbooks.md#cdccanaryold" in problem


def test_a_prometheus_that_does_not_answer_is_a_problem_of_its_own() -> None:
    found = watching(status=500)

    assert "does not answer" in found.error
    assert not replace(WELL, watching=found).ok
    assert diagnose(replace(WELL, watching=found))[0].what == "Prometheus says nothing"


def test_the_table_shows_figures_and_alerts() -> None:
    table = replace(WELL, watching=watching(firing("CdcCanaryOld"))).table()

    assert table.row_count == len(WELL.services) + len(WELL.connectors) + len(QUERIES) + 1


def test_every_alert_has_a_likely_cause_or_repeats_what_the_status_says() -> None:
    rules = [
        rule for path in rule_files() for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
    ]
    repeated = {
        *("CdcCanaryOld", "CdcServiceDown", "CdcConnectorNotRunning", "CdcTaskNotRunning", "CdcConnectorMissing"),
    }

    assert {rule["alert"] for rule in rules if "alert" in rule} == set(_ALERTS) | repeated


def test_nothing_is_wrong_with_a_stack_that_is_well() -> None:
    assert diagnose(replace(WELL, watching=watching())) == []


def test_a_service_comes_before_the_connectors_that_need_it() -> None:
    status = Status(
        "dev",
        (Service("postgres", "", "exited", False),),
        (Connector("sink", "RUNNING", ("FAILED",), False, "Connection refused"),),
        watching(firing("CdcCanaryOld")),
    )

    service, connector = diagnose(status)
    assert "postgres" in service.what
    assert "make up" in service.step
    assert "consequence" in connector.cause


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ("RestClientException: Schema being registered is incompatible; error code: 409", "schema check"),
        ("PSQLException: ERROR: relation does not exist, SQLSTATE 42P01", "schema check"),
        ("AuthenticationException: 28P01 password authentication failed", "vault-agent"),
        ("AllNodesFailedException: Connection refused", "does not answer"),
        ("NullPointerException", "whole trace"),
    ],
)
def test_a_trace_tells_the_cause(trace: str, words: str) -> None:
    status = replace(WELL, connectors=(Connector("sink", "RUNNING", ("FAILED",), False, trace),))

    (found,) = diagnose(status)
    assert words in found.cause + found.step


@pytest.mark.parametrize("state", ["missing", "PAUSED", "STOPPED"])
def test_what_a_person_did_is_told_apart(state: str) -> None:
    (found,) = diagnose(replace(WELL, connectors=(Connector("sink", state, (), False),)))

    assert "by hand" in found.cause or "somebody" in found.cause


def test_an_old_canary_on_a_stack_that_looks_well_is_a_riddle_with_a_runbook() -> None:
    (found,) = diagnose(replace(WELL, watching=watching(firing("CdcCanaryOld"))))

    assert "cdccanaryold" in found.step


@pytest.mark.parametrize("state", ["missing", "exited", "running, restarted 7 times", "starting", "unhealthy"])
def test_each_state_of_a_service_has_a_next_step(state: str) -> None:
    (found,) = diagnose(replace(WELL, services=(Service("vault", "", state, False),)))

    assert "make up" in found.step or "docker logs" in found.step or "wait" in found.step


def test_an_alert_is_plain_data() -> None:
    alert = Alert("A", "critical", "s", "r", {"table": "shop.users"})

    assert Watching({}, (alert,)).as_json()["alerts"][0]["labels"] == {"table": "shop.users"}
