"""The dashboards' files are those that the typed Python makes, and hold what a person on call needs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ops.dashboards import __main__ as dashboards

BOARDS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in dashboards.rendered().items()}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_the_files_are_current() -> None:
    assert dashboards.main(["--check"]) == 0, "run python -m ops.dashboards"


def test_files_that_are_not_current_are_noticed_and_written_anew(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    assert dashboards.main(["--check"], tmp_path) == 1

    assert dashboards.main([], tmp_path) == 0
    assert dashboards.main(["--check"], tmp_path) == 0
    assert not (tmp_path / "old.json").exists()


def test_there_are_the_four_that_were_asked_for() -> None:
    assert {board["title"] for board in BOARDS.values()} == {
        *("CDC Pipeline Overview", "Connector Health", "Schema Evolution", "Reconciliation"),
    }
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_each_has_variables_and_links_to_the_others(name: str) -> None:
    board = BOARDS[name]

    assert {"connector", "topic", "table"} & {variable["name"] for variable in board["templating"]["list"]}
    (link,) = board["links"]
    assert (link["type"], link["tags"]) == ("dashboards", board["tags"])


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_each_panel_has_a_query_a_unit_and_the_one_data_source(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert panel["targets"], panel["title"]
        assert all(target["expr"] for target in panel["targets"])
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_each_variable_that_a_query_uses_is_there(name: str) -> None:
    board = BOARDS[name]
    used = {
        found
        for panel in panels(board)
        for target in panel["targets"]
        for found in re.findall(r"\$(\w+)", target["expr"])
    }

    assert used - {"__rate_interval"} <= {variable["name"] for variable in board["templating"]["list"]}
