"""Each query of each panel returns data of a stack that has carried rows and compared them."""

from __future__ import annotations

import json
import re

import pytest

from ops.dashboards.__main__ import FOLDER
from ops.screenshot import PANELS
from tests.support.commands import reconcile
from tests.support.pipeline import Pipeline
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until
from tests.support.writer import writing

pytestmark = pytest.mark.integration

SETTLED_SECONDS = 120


def queries() -> list[tuple[str, str]]:
    """Dashboard and panel, with the query as Grafana sends it for all values of the variables; and the picture's."""
    found = [("the picture of the graphs", query) for query in PANELS]
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", "1m")
                found.append((f"{board['title']}: {panel['title']}", re.sub(r"\$\w+", ".*", query)))
    return found


def test_every_panel_has_data(pipeline: Pipeline) -> None:
    prometheus = Prometheus(pipeline.outputs.endpoints["prometheus"])
    with writing(pipeline, seed=11):
        wait_until(
            "rows flow", lambda: (prometheus.value('cdc_messages_in_per_second{topic="cdc.shop.users"}') or 0) > 0
        )
    pipeline.wait_equal(["shop.users"])
    reconcile("shop.users")

    empty: list[str] = []

    def all_have_data() -> bool:
        empty[:] = [f"{panel}: {query}" for panel, query in queries() if not prometheus.query(query)]
        return not empty

    try:
        wait_until("every panel has data", all_have_data, SETTLED_SECONDS)
    except AssertionError as late:
        raise AssertionError("panels without data:\n" + "\n".join(empty)) from late


def test_the_variables_have_values(pipeline: Pipeline) -> None:
    prometheus = Prometheus(pipeline.outputs.endpoints["prometheus"])
    for path in sorted(FOLDER.glob("*.json")):
        for variable in json.loads(path.read_text())["templating"]["list"]:
            metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
            assert {sample.labels.get(label) for sample in prometheus.query(metric)} - {None}, variable["query"]
