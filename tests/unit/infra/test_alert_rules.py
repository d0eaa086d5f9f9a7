"""Every alert has a runbook, a severity, and tests that make it fire and keep it silent; its names are real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.observability.prometheus import FILES, rule_files
from infra.connect import SINK_CONNECTOR, SOURCE_CONNECTOR
from infra.pipeline import DLQ_LEDGER_TOPIC, DLQ_TOPIC

PROJECT = Path(__file__).parents[3]
RUNBOOKS = PROJECT / "docs" / "runbooks.md"


def rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in rule_files()]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def rule_tests() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in sorted((PROJECT / "tests" / "rules").glob("*.yml"))]
    return [case for document in documents for test in document["tests"] for case in test.get("alert_rule_test", [])]


def anchor(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    document, _, link = alert["annotations"]["runbook"].partition("#")
    assert document == "docs/runbooks.md"
    headings = re.findall(r"^#+ (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert link in {anchor(heading) for heading in headings}


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_was_seen_to_fire_and_to_stay_silent(name: str) -> None:
    expected = [bool(case["exp_alerts"]) for case in rule_tests() if case["alertname"] == name]

    assert True in expected
    assert False in expected


def test_nothing_is_tested_that_is_no_alert() -> None:
    assert {case["alertname"] for case in rule_tests()} <= set(ALERTS)


def test_the_rules_name_connectors_and_topics_as_the_stack_does() -> None:
    text = "".join(path.read_text() for path in rule_files())

    assert set(re.findall(r'connector="(.+?)"', text)) == {SOURCE_CONNECTOR, SINK_CONNECTOR}
    assert set(re.findall(r'topic="(.+?)"', text)) == {DLQ_TOPIC, DLQ_LEDGER_TOPIC}


def test_the_scrape_configuration_reads_every_rules_file() -> None:
    assert yaml.safe_load((FILES / "prometheus.yml").read_text())["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert {path.name for path in rule_files()} == {"alerts.yml", "certificates.yml", "recording.yml"}
