"""Passwords change under a steady writer, and Vault is away meanwhile: no row is lost and no hand is needed."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest
from cassandra.cluster import Session

from ops.demo_rows import INSERT_USER, new_id, user_row
from tests.support.pipeline import Pipeline, run
from tests.support.vault import VaultApi, administrator, is_sealed, rendered_password, restarts
from tests.support.waiting import wait_until
from tests.support.writer import RETRIED, BackgroundWriter, writing

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

PERIOD_SECONDS = 20
VAULT_LOOKS_EVERY_SECONDS = 5
"""Vault changes a password when it next looks after its period has passed."""
SECONDS = int(os.environ.get("CDC_TEST_ROTATION_SECONDS", "60"))
LONGEST_PAUSE_SECONDS = 30
PROBE_PAUSE_SECONDS = 0.1
ROLES = {"cdc_writer": "postgres", "cdc_reader": "scylla"}
"""Role whose password changes, with the file of its login."""


@dataclass
class Probe(BackgroundWriter):
    """Inserts rows at a steady pace, to see for how long none arrives."""

    keys: list[UUID] = field(default_factory=list)

    def write_until(self, stop: threading.Event, session: Session, generator: random.Random) -> None:
        """A row that was refused is written again: each key counts."""
        while not stop.wait(PROBE_PAUSE_SECONDS):
            key = new_id()
            try:
                session.execute(INSERT_USER, user_row(key, generator.randrange(1000)))
            except RETRIED:
                continue
            self.keys.append(key)
            self.writes += 1


@dataclass
class Arrivals:
    """How many of the probe's rows are in PostgreSQL, and the longest time without a new one."""

    longest_pause_seconds: float = 0.0
    count: int = 0
    _since: float = field(default_factory=time.monotonic)

    def look(self, target: psycopg.Connection[tuple[object, ...]], probe: Probe) -> None:
        found = target.execute("SELECT count(*) FROM public.users WHERE id = ANY(%s)", (list(probe.keys),)).fetchone()
        count, now = int(str(found[0])) if found else 0, time.monotonic()
        if count > self.count or not self.count:
            self._since = now
        self.count = count
        self.longest_pause_seconds = max(self.longest_pause_seconds, now - self._since)


@contextmanager
def rotating(vault: VaultApi, period_seconds: int) -> Iterator[None]:
    """Change the connectors' passwords in a short period while the block runs."""
    before = {role: vault.call("GET", f"cdc-database/static-roles/{role}")["data"] for role in ROLES}
    try:
        for role in ROLES:
            set_period(vault, role, before[role], period_seconds)
        yield
    finally:
        for role in ROLES:
            set_period(vault, role, before[role], int(before[role]["rotation_period"]))


def set_period(vault: VaultApi, role: str, known: dict[str, object], seconds: int) -> None:
    body = {key: known[key] or [] for key in ("db_name", "username", "rotation_statements")}
    vault.call("POST", f"cdc-database/static-roles/{role}", **body, rotation_period=seconds)


def passwords(vault: VaultApi) -> dict[str, str]:
    return {role: vault.call("GET", f"cdc-database/static-creds/{role}")["data"]["password"] for role in ROLES}


def wait_settled(pipeline: Pipeline) -> None:
    """Wait until the files hold the passwords that are valid now, and all connectors run with them."""
    with administrator(pipeline) as vault:

        def current() -> bool:
            valid = passwords(vault)
            return all(rendered_password(pipeline, "vault-agent", file) == valid[role] for role, file in ROLES.items())

        wait_until("the files hold the valid passwords", current)
    pipeline.wait_running()
    pipeline.wait_equal(["shop.users"])
    pipeline.assert_no_task_failed()


def watch(pipeline: Pipeline, vault: VaultApi, seconds: float) -> tuple[Arrivals, dict[str, set[str]]]:
    """Let the pipeline run for a while; returns the arrivals and every password that there was."""
    arrivals, seen = Arrivals(), {role: set[str]() for role in ROLES}
    probe = Probe()
    with probe.running(pipeline, seed=2), pipeline.postgres() as target:
        end = time.monotonic() + seconds

        def over() -> bool:
            arrivals.look(target, probe)
            for role, password in passwords(vault).items():
                seen[role].add(password)
            return time.monotonic() > end

        wait_until("the time is over", over, seconds + 60)
    return arrivals, seen


def test_passwords_change_under_a_steady_writer(pipeline: Pipeline) -> None:
    with (
        administrator(pipeline) as vault,
        rotating(vault, PERIOD_SECONDS - VAULT_LOOKS_EVERY_SECONDS),
        writing(pipeline) as writer,
    ):
        # The agent sleeps until the time at which the former period would have ended.
        run("docker", "restart", pipeline.outputs.containers["vault-agent"])
        pipeline.wait_healthy("vault-agent")
        arrivals, seen = watch(pipeline, vault, SECONDS)

    changes = {role: len(found) - 1 for role, found in seen.items()}
    wait_settled(pipeline)
    print(
        f"\nrotation at least every {PERIOD_SECONDS} s for {SECONDS} s: {changes} changes, {writer.writes} writes, "
        f"{arrivals.count} probes arrived, longest pause {arrivals.longest_pause_seconds:.1f} s"
    )
    assert min(changes.values()) >= SECONDS // PERIOD_SECONDS - 1
    assert arrivals.longest_pause_seconds < LONGEST_PAUSE_SECONDS


def test_the_pipeline_runs_on_while_vault_is_away_and_takes_the_next_passwords(pipeline: Pipeline) -> None:
    name = pipeline.outputs.containers["vault"]
    sink, source = (pipeline.outputs.connectors[kind] for kind in ("sink", "source"))
    restarted = {connector: restarts(pipeline, connector) for connector in (sink, source)}
    with writing(pipeline) as writer:
        with administrator(pipeline) as vault:
            before = passwords(vault)
        run("docker", "stop", name)
        try:
            written = writer.writes
            wait_until("the writer goes on without Vault", lambda: writer.writes > written + 200)
            pipeline.assert_no_task_failed()
        finally:
            run("docker", "start", name)
        wait_until("Vault is open again", lambda: is_sealed(pipeline) is False, 60)
        with administrator(pipeline) as vault:
            vault.call("POST", "cdc-database/rotate-role/cdc_writer")
            assert passwords(vault)["cdc_writer"] != before["cdc_writer"]

    # A password changed by hand reaches the file when the agent starts.
    pipeline.restart("vault-agent")
    wait_until("the sink is restarted", lambda: restarts(pipeline, sink) == restarted[sink] + 1)
    wait_settled(pipeline)
    assert restarts(pipeline, source) == restarted[source], "its login has not changed"
