"""The plug-in process of dynamic resources, as each test has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.dynamic_server import PROJECT, DynamicServer

PROJECT_DIRECTORY = Path(__file__).parents[2]


@pytest.fixture
def dynamic_server(tmp_path: Path) -> Iterator[DynamicServer]:
    """A fresh plug-in process, so that configuration and cached providers are each test's own."""
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic"],
            cwd=PROJECT_DIRECTORY,
            env=os.environ | {"PULUMI_PROJECT": PROJECT},
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            assert process.stdout is not None
            port = process.stdout.readline().decode().strip()
            assert port, (tmp_path / "stderr").read_text()
            server = DynamicServer(f"127.0.0.1:{port}")
            yield server
            server.close()
        finally:
            process.kill()
            process.communicate()
