"""The unsealer's real script with a made-up `vault`: it opens a sealed server, and shows that it is alive."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.vault.unsealer import SCRIPT

DEADLINE_SECONDS = 30
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
    process = subprocess.Popen(["sh", str(SCRIPT)], env=env, stdout=subprocess.DEVNULL, process_group=0)
    try:
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_sealed_server_is_opened(tmp_path: Path) -> None:
    with unsealing(tmp_path, SEALED):
        wait_for((tmp_path / "open").exists)

    assert (tmp_path / "status").read_text().strip() == OPEN


def test_a_server_that_is_away_is_no_open_one_and_the_unsealer_lives_on(tmp_path: Path) -> None:
    with unsealing(tmp_path, AWAY):
        for _ in range(2):
            wait_for(lambda: (tmp_path / "heartbeat").exists() and (tmp_path / "heartbeat").read_text() == "[]\n")
            (tmp_path / "heartbeat").unlink()

        assert not (tmp_path / "open").exists()
