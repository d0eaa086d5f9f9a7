"""The restarter's real script against a made-up Connect: the right connector, as often as needed, never another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from components.kafka_connect.restarter import SCRIPT
from tests.doubles import served
from tests.support.scripts import DEADLINE_SECONDS, script_running, wait_for_heartbeats
from tests.support.waiting import wait_until


@dataclass
class FakeConnect:
    """Answers status and restart; a connector's states are taken one after the other, the last one stays."""

    states: dict[str, list[str]] = field(default_factory=dict)
    refuse: list[int] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.split("/")[2]
        if request.method == "POST":
            assert request.url.query == b"includeTasks=true&onlyFailed=false"
            if self.refuse:
                return httpx.Response(self.refuse.pop(0))
            if name not in self.states:
                return httpx.Response(404)
            self.restarts.append(name)
            return httpx.Response(202, json={})
        states = self.states[name]
        state = states.pop(0) if len(states) > 1 else states[0]
        task = {"id": 0, "state": state, "worker_id": "w"}
        answer = {"name": name, "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [task]}
        return httpx.Response(200, json=answer)


@contextmanager
def watching(connect: FakeConnect, folder: Path) -> Iterator[None]:
    """The script on two files: `a` for the connector `source`, `b` for `sink`."""
    with served(connect) as url:
        env = {
            "CONNECT_URL": url,
            "WATCHED": f"{folder}/a=source {folder}/b=sink",
            "GRACE_SECONDS": "0",
            "HEARTBEAT_FILE": str(folder / "heartbeat"),
        }
        with script_running(["bash", "-c", SCRIPT.read_text()], env, folder / "log"):
            yield


def wait_for_log(folder: Path, text: str, times: int = 1) -> None:
    wait_until(f"'{text}' is in the log", lambda: log_lines(folder, text) == times, DEADLINE_SECONDS)


def log_lines(folder: Path, text: str) -> int:
    return (folder / "log").read_text().count(text)


def test_only_the_connector_whose_file_changed_is_restarted(tmp_path: Path) -> None:
    connect = FakeConnect(states={"source": ["RUNNING"], "sink": ["RUNNING"]})
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("one")
    with watching(connect, tmp_path):
        wait_for_log(tmp_path, "runs with its new login", 2)
        assert sorted(connect.restarts) == ["sink", "source"]

        (tmp_path / "b").write_text("two")
        wait_for_log(tmp_path, "sink runs with its new login", 2)

    assert sorted(connect.restarts) == ["sink", "sink", "source"]


def test_a_connector_that_fails_with_its_new_login_is_restarted_again(tmp_path: Path) -> None:
    connect = FakeConnect(states={"source": [*["FAILED"] * 7, "RUNNING"]})
    (tmp_path / "a").write_text("one")
    with watching(connect, tmp_path):
        wait_for_log(tmp_path, "source runs with its new login")

    assert connect.restarts == ["source", "source"]
    assert log_lines(tmp_path, "once more in 1 s") == 1


def test_a_worker_that_rebalances_is_asked_again(tmp_path: Path) -> None:
    connect = FakeConnect(states={"source": ["RUNNING"]}, refuse=[409, 500])
    (tmp_path / "a").write_text("one")
    with watching(connect, tmp_path):
        wait_for_log(tmp_path, "source runs with its new login")

    assert connect.restarts == ["source"]


def test_a_connector_that_is_not_there_yet_needs_no_restart(tmp_path: Path) -> None:
    connect = FakeConnect()
    (tmp_path / "a").write_text("one")
    with watching(connect, tmp_path):
        wait_for_log(tmp_path, "source runs with its new login")

    assert connect.restarts == []


def test_it_gives_signs_of_life_that_prometheus_takes_for_a_list_without_targets(tmp_path: Path) -> None:
    with watching(FakeConnect(), tmp_path):
        wait_for_heartbeats(tmp_path / "heartbeat")
