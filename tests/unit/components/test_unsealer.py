"""The unsealer's real script with a made-up `vault`: it opens a sealed server, and shows that it is alive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.vault.unsealer import SCRIPT
from tests.support.scripts import DEADLINE_SECONDS, script_running, wait_for_heartbeats
from tests.support.waiting import wait_until

VAULT = """#!/bin/sh
case "$*" in
    status) exit "$(cat "$FOLDER/status")" ;;
    "write sys/unseal key=@$FOLDER/key") echo 0 >"$FOLDER/status" ;;
    *) exit 1 ;;
esac
"""
SEALED, OPEN, AWAY = "2", "0", "1"


@contextmanager
def unsealing(folder: Path, status: str) -> Iterator[None]:
    """The script beside a server with that status, as user `vault` would run it."""
    for name, text in (("vault", VAULT), ("id", "#!/bin/sh\necho 100\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "status").write_text(status)
    env = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "FOLDER": str(folder),
        "KEY_FILE": str(folder / "key"),
        "OPEN_FILE": str(folder / "open"),
        "HEARTBEAT_FILE": str(folder / "heartbeat"),
        "INTERVAL_SECONDS": "0.05",
    }
    with script_running(["sh", str(SCRIPT)], env, folder / "log"):
        yield


def test_a_sealed_server_is_opened(tmp_path: Path) -> None:
    with unsealing(tmp_path, SEALED):
        wait_until("the server is open", (tmp_path / "open").exists, DEADLINE_SECONDS)

    assert (tmp_path / "status").read_text().strip() == OPEN


def test_a_server_that_is_away_is_no_open_one_and_the_unsealer_lives_on(tmp_path: Path) -> None:
    with unsealing(tmp_path, AWAY):
        wait_for_heartbeats(tmp_path / "heartbeat")

        assert not (tmp_path / "open").exists()
