"""The deployed reconcile job: runs on demand, shows its metrics, and can read nothing that is not its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, Session

from components.tls.trust import ca_path
from tests.support.databases import pipeline_settings
from tests.support.pipeline import PROJECT, STACK, Pipeline, run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

JOB_UID = "1000"
SERVICE_SECONDS = 240
"""After this a service that never says what is waited for is killed."""


def reconcile(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command that users type, behind `make reconcile`."""
    command = [f"{sys.prefix}/bin/cdc", "reconcile", "--stack", STACK, "--", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False)


def in_container(pipeline: Pipeline, service: str, *command: str) -> str:
    # Root has no capability there to read what is the job's.
    return run("docker", "exec", "--user", JOB_UID, pipeline.outputs.containers[service], *command).stdout


def metrics(pipeline: Pipeline) -> dict[str, float]:
    """Samples by name and labels, as they are written."""
    text = httpx.get(pipeline.outputs.endpoints["reconcile"], timeout=30).text
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_run_on_demand_ends_with_the_code_of_its_summary_and_shows_in_the_metrics(pipeline: Pipeline) -> None:
    pipeline.wait_running()
    pipeline.wait_equal(["shop.users"])
    done = reconcile("run", "--table", "shop.users", "--format", "json")

    document = json.loads(done.stdout)
    (summary,) = document["runs"]
    assert done.returncode == document["exit_code"] == summary["exit_code"] == 0, done.stdout + done.stderr
    assert summary["table"] == "shop.users"
    assert summary["units"]["failed"] == 0
    assert not [note for note in summary["notes"] if "time only" in note], "the pipeline's offsets are known"

    def shown() -> bool:
        success = metrics(pipeline).get('reconcile_last_success_timestamp_seconds{mode="full",table="shop.users"}')
        return success is not None and success >= summary_end

    ended = json.loads(reconcile("status", "--format", "json").stdout)["tables"][0]["last_run"]["ended"]
    summary_end = psycopg_time(pipeline, ended)
    wait_until("the metrics show the run", shown, 30)
    assert metrics(pipeline)['reconcile_last_exit_code{table="shop.users"}'] == 0


def psycopg_time(pipeline: Pipeline, text: str) -> float:
    with pipeline.postgres() as connection:
        row = connection.execute("SELECT floor(extract(epoch FROM %s::timestamptz))", (text,)).fetchone()
    assert row is not None
    return float(row[0])


def test_a_difference_ends_with_1_and_is_repaired_on_demand(pipeline: Pipeline) -> None:
    key = "11111111-2222-3333-4444-555555555555"
    with pipeline.scylla() as session, pipeline.postgres() as connection:
        session.execute(f"INSERT INTO shop.users (id, name) VALUES ({key}, 'Ada')")
        wait_until(
            "the row has arrived",
            lambda: connection.execute("SELECT 1 FROM public.users WHERE id = %s", (key,)).fetchone(),
        )
        connection.execute("DELETE FROM public.users WHERE id = %s", (key,))
        try:
            found = reconcile("run", "--table", "shop.users", "--format", "json")
            (summary,) = json.loads(found.stdout)["runs"]
            shown = reconcile("show", summary["run_id"])
            repaired = reconcile("repair", "--run", summary["run_id"])
            row = connection.execute("SELECT name FROM public.users WHERE id = %s", (key,)).fetchone()
        finally:
            session.execute(f"DELETE FROM shop.users WHERE id = {key}")

    assert (found.returncode, summary["open"]["missing"]) == (1, 1), found.stderr
    assert key in shown.stdout
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert row == ("Ada",)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["run", "--table", "no.table"], 2), (["show", "not-a-run"], 2), (["check"], 0), (["schedule", "--show"], 0)],
)
def test_the_exit_code_is_that_of_the_command(pipeline: Pipeline, arguments: list[str], code: int) -> None:
    pipeline.wait_healthy("reconcile")

    assert reconcile(*arguments).returncode == code


def test_health_is_reported_and_the_next_run_is_known(pipeline: Pipeline) -> None:
    url = pipeline.outputs.endpoints["reconcile"].replace("/metrics", "/healthz")

    answer = httpx.get(url, timeout=30)

    assert answer.status_code == httpx.codes.OK, answer.text
    assert " 02:00:00" in answer.json()["next_run"]


def test_the_port_is_published_on_loopback_only(pipeline: Pipeline) -> None:
    published = pipeline.container("reconcile")["HostConfig"]["PortBindings"]

    assert [binding["HostIp"] for bindings in published.values() for binding in bindings] == ["127.0.0.1"]


def test_neither_the_service_nor_a_run_on_demand_is_root(pipeline: Pipeline) -> None:
    name = pipeline.outputs.containers["reconcile"]
    processes = run("docker", "top", name, "-eo", "uid,pid,args").stdout.splitlines()[1:]
    service = [line.split()[0] for line in processes if " serve" in line]
    spool = in_container(pipeline, "reconcile", "stat", "-c", "%u %a", "/var/lib/reconcile")

    assert service == [JOB_UID]
    assert spool.strip() == f"{JOB_UID} 750"
    written = "/var/lib/reconcile/written-by-a-test.json"
    reconcile("run", "--table", "shop.orders", "--format", "json", "--output", written)
    try:
        assert in_container(pipeline, "reconcile", "stat", "-c", "%u", written).strip() == JOB_UID
    finally:
        in_container(pipeline, "reconcile", "rm", "--force", written)


def test_configuration_and_environment_hold_no_password(pipeline: Pipeline) -> None:
    config = yaml.safe_load(in_container(pipeline, "reconcile", "cat", "/etc/reconcile/reconcile.yaml"))
    inspected = pipeline.container("reconcile")

    assert config["postgres"]["credentials_file"].startswith("/vault/secrets/")
    assert "password" not in json.dumps(config)
    assert not [each for each in inspected["Config"]["Env"] if "PASSWORD" in each or "TOKEN" in each]
    mounted = {mount["Destination"]: mount for mount in inspected["Mounts"]}
    assert mounted["/vault/secrets"]["RW"] is False


def login(pipeline: Pipeline, database: str) -> tuple[str, str]:
    """The job's login as its agent renders it."""
    text = in_container(pipeline, "reconcile", "cat", f"/vault/secrets/{database}.properties")
    properties = dict(line.split("=", 1) for line in text.splitlines() if line)
    return properties["username"], properties["password"]


@pytest.fixture
def as_job_in_scylla(pipeline: Pipeline) -> Iterator[Session]:
    host, _, port = pipeline.outputs.endpoints["scylla"].partition(":")
    auth = PlainTextAuthProvider(*login(pipeline, "scylla"))
    cluster = Cluster([host], port=int(port), auth_provider=auth, protocol_version=4, **pipeline.cql_tls())
    yield cluster.connect()
    cluster.shutdown()


def test_the_role_in_scylla_reads_tables_logs_and_streams_and_writes_nothing(as_job_in_scylla: Session) -> None:
    for readable in ("shop.users", "shop.users_scylla_cdc_log", "system_distributed.cdc_generation_timestamps"):
        as_job_in_scylla.execute(f"SELECT * FROM {readable} LIMIT 1")

    for forbidden in (
        "INSERT INTO shop.users (id) VALUES (uuid())",
        "TRUNCATE shop.users",
        "SELECT * FROM system_auth.roles",
    ):
        with pytest.raises(Unauthorized):
            as_job_in_scylla.execute(forbidden)


def test_the_role_in_postgresql_owns_its_schema_and_no_target(pipeline: Pipeline) -> None:
    host, _, port = pipeline.outputs.endpoints["postgres"].partition(":")
    user, password = login(pipeline, "postgres")
    with psycopg.connect(
        host=host, port=int(port), dbname=pipeline.outputs.postgres_database, user=user, password=password
    ) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'reconcile'"
        ).fetchone()
        assert user != "reconcile", "Vault makes a login for the job"
        assert connection.execute("SELECT current_user").fetchone() == owner == ("reconcile",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE public.users")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.stranger (id int)")


def host_config(pipeline: Pipeline, folder: Path, **sections: Any) -> Path:
    """The job's own configuration, as it can be used outside of the network."""
    config = yaml.safe_load(in_container(pipeline, "reconcile", "cat", "/etc/reconcile/reconcile.yaml"))
    endpoints = pipeline.outputs.endpoints
    host, _, port = endpoints["postgres"].partition(":")
    for database in ("scylla", "postgres"):
        path = folder / f"{database}.properties"
        path.touch(mode=0o600)
        user, password = login(pipeline, database)
        path.write_text(f"username={user}\npassword={password}\n")
        config[database]["credentials_file"] = str(path)
    ca_file = ca_path(pipeline.outputs.trusted) if pipeline.outputs.scylla_tls else None
    config["scylla"] |= {"contact_points": [endpoints["scylla"]], "ca_file": ca_file}
    config["postgres"] |= {"host": host, "port": int(port), "sslrootcert": ca_path(pipeline.outputs.trusted)}
    config["pipeline"] |= asdict(pipeline_settings(pipeline.outputs))
    config["tables"] = [table for table in config["tables"] if table["source"] == "shop.users"]
    config["run"] |= {"spool_directory": str(folder / "spool")}
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    path = folder / "reconcile.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def service_lines(config: Path, until: str, stop_with: signal.Signals | None = None) -> Iterator[dict[str, Any]]:
    """Start the service, yield its log lines up to the one that is waited for, then stop it and yield the rest."""
    command = [sys.executable, "-m", "reconcile", "--log-format", "json", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--config", str(config)], cwd=PROJECT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        deadline = threading.Timer(SERVICE_SECONDS, process.kill)
        deadline.start()
        try:
            for line in process.stderr:
                entry = json.loads(line)
                yield entry
                if entry["event"] == until:
                    process.send_signal(stop_with or signal.SIGTERM)
        finally:
            deadline.cancel()
            process.kill()


def test_a_scheduled_run_stops_at_a_checkpoint_with_the_service_and_goes_on_with_it(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pause = tmp_path / "pause"
    pause.touch()
    every_minute = {"cron": "* * * * *", "full_on": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
    paused = host_config(pipeline, tmp_path, run={"pause_file": str(pause)}, schedule=every_minute)

    first = list(service_lines(paused, until="progress"))

    (stopped,) = [entry for entry in first if entry["event"] == "run ended"]
    assert stopped["exit_code"] == 130, first
    run_id = next(entry["run_id"] for entry in first if entry["event"] == "progress")

    pause.unlink()
    yearly = host_config(pipeline, tmp_path, schedule={"cron": "0 0 1 1 *"})
    second = list(service_lines(yearly, until="run ended"))

    (resumed,) = [entry for entry in second if entry["event"] == "run ended"]
    assert resumed["exit_code"] == 0, second
    assert [each["run_id"] for each in resumed["runs"]] == [run_id]
    status = json.loads(reconcile("status", "--table", "shop.users", "--format", "json").stdout)
    (last,) = [entry for entry in status["runs"] if entry["run_id"] == run_id]
    assert (last["state"], last["attempt"]) == ("finished", 2)
