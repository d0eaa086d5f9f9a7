"""The command line `reconcile` on the tests' stack."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from components.tls.trust import ca_path
from tests.support.databases import pipeline_settings
from tests.support.pipeline import PROJECT, Pipeline

TIMEOUT_SECONDS = 3 * 3600


@dataclass(frozen=True)
class Found:
    """A finding as it stands in `reconciliation_log`."""

    key: tuple[str, ...]
    """As text."""
    kind: str
    cause: str
    state: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    summary: dict[str, Any]
    """Of the one table."""
    stderr: str

    @property
    def run_id(self) -> str:
        """The run."""
        return str(self.summary["run_id"])


@dataclass
class ReconcileCli:
    """Runs commands with a configuration made of the stack's outputs."""

    pipeline: Pipeline
    directory: Path
    tables: Sequence[str]
    niceness: int = 0
    """Of the commands' processes; above 0 they leave the processors to all others first."""

    def __post_init__(self) -> None:
        self.config = self.directory / "reconcile.yaml"
        self.config.write_text(yaml.safe_dump(self._settings()))

    def start(self, *arguments: str, table: str | None = None) -> subprocess.Popen[str]:
        """Start `reconcile run` on one table."""
        return self._start("run", "--table", table or self.tables[0], *arguments)

    def run(self, *arguments: str, table: str | None = None) -> Ended:
        """Run `reconcile run` on one table to its end."""
        return self.wait(self.start(*arguments, table=table))

    def repair(self, run_id: str, *arguments: str) -> Ended:
        """Repair the open findings of a run."""
        return self.wait(self._start("repair", "--run", run_id, *arguments))

    def wait(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for the end of a started command."""
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
        assert stdout.strip(), f"reconcile ended with {process.returncode} and no summary:\n{stderr[-4000:]}"
        document = json.loads(stdout)
        (summary,) = document.get("runs", [document])
        return Ended(process.returncode, summary, stderr)

    def _start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        reconcile = [sys.executable, "-m", "reconcile", command, "--config", str(self.config), "--format", "json"]
        return subprocess.Popen(
            ["nice", "-n", str(self.niceness), *reconcile, *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def findings(self, run_id: str) -> list[Found]:
        """What the log holds of a run."""
        with self.pipeline.postgres() as connection:
            rows = connection.execute(
                "SELECT table_name, pk, kind, cause, state, differing_columns FROM reconcile.reconciliation_log "
                "WHERE run_id = %s",
                (run_id,),
            ).fetchall()
        columns = {table.source: table.keys for table in self.pipeline.outputs.tables}
        return [
            Found(tuple(pk[name] for name in columns[table]), kind, cause, state, frozenset(names))
            for table, pk, kind, cause, state, names in rows
        ]

    def _settings(self) -> dict[str, Any]:
        outputs = self.pipeline.outputs
        host, _, port = outputs.endpoints["postgres"].partition(":")
        return {
            "scylla": {
                "contact_points": [outputs.endpoints["scylla"]],
                "ca_file": ca_path(outputs.trusted) if outputs.scylla_tls else None,
                "credentials_file": self._login("scylla", outputs.scylla.username, outputs.scylla.password),
            },
            "postgres": {
                "host": host,
                "port": int(port),
                "database": outputs.postgres_database,
                "credentials_file": self._login("postgres", outputs.postgres.username, outputs.postgres.password),
                "sslmode": outputs.postgres_sslmode,
                "sslrootcert": ca_path(outputs.trusted),
            },
            "pipeline": asdict(pipeline_settings(outputs)),
            "run": {"spool_directory": str(self.directory / "spool")},
            "tables": [
                {"source": table.source, "target": table.target, "topic": table.topic}
                for table in outputs.tables
                if table.source in self.tables
            ],
        }

    def _login(self, name: str, username: str, password: str) -> str:
        path = self.directory / f"{name}.properties"
        path.touch(mode=0o600)
        path.write_text(f"username={username}\npassword={password}\n")
        return str(path)


def since(moment: datetime) -> tuple[str, str]:
    """The options of an incremental run."""
    return "--since", moment.isoformat()
