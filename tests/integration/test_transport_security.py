"""A stack with `transportSecurity: tls`: what it refuses, and that nothing in it goes around TLS (`make test-tls`)."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from components import ports
from components.kafka_connect.errors import ConnectRejected, ConnectUnavailable
from components.registry_client import RegistryError
from components.scylla.session import ScyllaAuthenticationError, ScyllaError, ScyllaUnreachableError
from components.tls.authority import Authority, new_authority
from components.tls.trust import client_context
from components.vault.client import VaultClient, VaultError
from ops.connect import connect_client
from ops.databases import open_postgres, open_scylla
from ops.dlq.queue import Kafka, Queue
from ops.errors import OpsError
from ops.outputs import Login, StackOutputs
from ops.schema.check import open_registry
from tests.support.commands import cdc
from tests.support.pipeline import TLS, Pipeline, run
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.skipif(not TLS, reason="the stack is without TLS: make test-tls")]

SOMEBODY_ELSE = Authority.parse(new_authority("somebody else")).certificate_pem


@pytest.fixture(scope="module")
def outputs(pipeline: Pipeline) -> StackOutputs:
    return pipeline.outputs


def wrong(login: Login | None) -> Login:
    assert login
    return Login(login.username, "wrong")


def plain(outputs: StackOutputs, service: str) -> dict[str, Any]:
    """Outputs that name a service's address without TLS."""
    address = outputs.endpoints[service].replace("https://", "http://")
    return {"endpoints": {**outputs.endpoints, service: address}}


def test_rows_arrive_and_are_changed_and_deleted(pipeline: Pipeline) -> None:
    done = cdc("smoke", "--rows", "5")

    assert done.returncode == 0, done.stdout + done.stderr
    pipeline.assert_no_task_failed()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trusted": SOMEBODY_ELSE}, "certificate verify failed"),
        ({"postgres": "wrong"}, "password authentication failed"),
        ({"postgres_sslmode": "disable"}, "pg_hba.conf rejects connection .* no encryption"),
    ],
    ids=["wrong authority", "wrong password", "plain client"],
)
def test_postgresql_refuses(outputs: StackOutputs, changed: dict[str, Any], said: str) -> None:
    if "postgres" in changed:
        changed = {"postgres": wrong(outputs.postgres)}
    with pytest.raises(psycopg.OperationalError, match=said):
        open_postgres(replace(outputs, **changed))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trusted": SOMEBODY_ELSE}, "certificate verify failed"),
        ({"kafka": "wrong"}, "Authentication failed .* invalid credentials"),
        ({"kafka": None, "kafka_sasl_mechanism": ""}, "wants TLS or a login"),
        ({"kafka_tls": False, "kafka": None, "kafka_sasl_mechanism": ""}, "wants TLS or a login"),
    ],
    ids=["wrong authority", "wrong password", "no login", "plain client"],
)
def test_brokers_refuse(outputs: StackOutputs, changed: dict[str, Any], said: str) -> None:
    if changed.get("kafka") == "wrong":
        changed = {"kafka": wrong(outputs.kafka)}
    kafka = Kafka.of(replace(outputs, **changed))
    with pytest.raises(OpsError, match=said):
        Queue(kafka, outputs.topics["dlq"], outputs.topics["dlq_ledger"]).letters()


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"trusted": SOMEBODY_ELSE}, ConnectRejected, "certificate that is not trusted here"),
        ({"connect": "wrong"}, ConnectRejected, "401 .* set connectUser and connectPassword"),
        ({"connect": None}, ConnectRejected, "401 .* set connectUser and connectPassword"),
        ({"endpoints": "plain"}, ConnectUnavailable, "does not answer"),
    ],
    ids=["wrong authority", "wrong password", "no login", "plain client"],
)
def test_connect_refuses(outputs: StackOutputs, changed: dict[str, Any], error: type[Exception], said: str) -> None:
    if changed.get("connect") == "wrong":
        changed = {"connect": wrong(outputs.connect)}
    if "endpoints" in changed:
        changed = plain(outputs, "connect")
    with (
        connect_client(replace(outputs, **changed), retry_timeout_seconds=0) as client,
        pytest.raises(error, match=said),
    ):
        client.connectors()


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"trusted": SOMEBODY_ELSE}, "certificate that is not trusted here"), (None, "refused GET /config with 400")],
    ids=["wrong authority", "plain client"],
)
def test_the_registry_refuses(outputs: StackOutputs, changed: dict[str, Any] | None, said: str) -> None:
    altered = replace(outputs, **(changed or plain(outputs, "schema_registry")))
    with open_registry(altered) as client, pytest.raises(RegistryError, match=said):
        client.level()


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"trusted": SOMEBODY_ELSE}, ScyllaUnreachableError, "certificate verify failed"),
        ({"scylla": "wrong"}, ScyllaAuthenticationError, "refuses the login"),
        ({"scylla_tls": False}, ScyllaUnreachableError, "no CQL connection"),
    ],
    ids=["wrong authority", "wrong password", "plain client"],
)
def test_scylla_refuses(outputs: StackOutputs, changed: dict[str, Any], error: type[ScyllaError], said: str) -> None:
    if "scylla" in changed:
        changed = {"scylla": wrong(outputs.scylla)}
    with pytest.raises(error, match=said), open_scylla(replace(outputs, **changed)):
        pass


@pytest.mark.parametrize(
    ("trusted", "scheme", "said"),
    [
        (SOMEBODY_ELSE, "https", "certificate that is not trusted here"),
        ("", "http", "refused GET /v1/sys/seal-status with 400"),
    ],
    ids=["wrong authority", "plain client"],
)
def test_vault_refuses(outputs: StackOutputs, trusted: str, scheme: str, said: str) -> None:
    address = outputs.endpoints["vault"].replace("https://", f"{scheme}://")
    with VaultClient(address, trusted=trusted) as client, pytest.raises(VaultError, match=said):
        client.is_sealed()


def test_vault_refuses_a_token_that_it_did_not_make(outputs: StackOutputs) -> None:
    with VaultClient(outputs.endpoints["vault"], trusted=outputs.trusted) as client:
        assert not client.token_is_valid("wrong")


def test_nobody_reaches_vaults_metrics_without_tls(pipeline: Pipeline) -> None:
    (network,) = pipeline.container("vault")["NetworkSettings"]["Networks"].values()
    address = f"http://{network['IPAddress']}:{ports.VAULT_METRICS}"
    with VaultClient(address) as client, pytest.raises(VaultError, match="with 400"):
        client.is_sealed()
    target = wait_until("Prometheus scrapes Vault", lambda: _scraped(pipeline, "vault"))
    assert target is not None
    assert target["scrapeUrl"].startswith("https://vault:")


def _scraped(pipeline: Pipeline, service: str) -> dict[str, Any] | None:
    answer = httpx.get(f"{pipeline.outputs.endpoints['prometheus']}/api/v1/targets", timeout=10).json()
    found = [each for each in answer["data"]["activeTargets"] if each["labels"]["service"] == service]
    return dict(found[0]) if found and found[0]["health"] == "up" else None


def test_every_connection_to_postgresql_is_encrypted(pipeline: Pipeline) -> None:
    with pipeline.postgres() as connection:
        found = connection.execute(
            "SELECT usename, application_name, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
            " WHERE client_addr IS NOT NULL"
        ).fetchall()

    assert "cdc_writer" in {user for user, _, _ in found}
    assert [each for each in found if not each[2]] == []


def test_brokers_let_nobody_in_between_them_without_a_certificate(pipeline: Pipeline) -> None:
    (network,) = pipeline.container("kafka-1")["NetworkSettings"]["Networks"].values()
    context = client_context(pipeline.outputs.trusted)
    context.check_hostname = False  # the port is not published: the address is the container's own

    with (
        socket.create_connection((network["IPAddress"], ports.KAFKA_BROKERS), timeout=10) as connection,
        context.wrap_socket(connection) as encrypted,
        # With TLS 1.3 a client hears of it when it reads.
        pytest.raises(ssl.SSLError, match="alert"),
    ):
        encrypted.recv(1)


def test_no_private_key_and_no_login_lies_open(pipeline: Pipeline) -> None:
    listed = {}
    for service in (
        "postgres",
        "scylla",
        "vault",
        "kafka-1",
        "schema-registry",
        "connect-1",
        "connect-restarter",
        "reconcile",
    ):
        # Not every image's user may go back to its working directory, which `find` wants to.
        argv = ("docker", "exec", "--workdir", "/", pipeline.outputs.containers[service])
        paths = run(*argv, "find", "/etc/cdc", "-type", "f", "-printf", "%m %p\n").stdout.splitlines()
        listed[service] = {path: mode for mode, path in (line.split(" ", 1) for line in paths)}

    open_to_all = {path for files in listed.values() for path, mode in files.items() if mode not in {"400", "440"}}
    assert open_to_all <= {
        *("/etc/cdc/ca.pem", "/etc/cdc/trusted.p12", "/etc/cdc/server.crt", "/etc/cdc/pg_hba.conf"),
    }
    assert "/etc/cdc/server.key" in listed["postgres"]
    assert "/etc/cdc/jaas.conf" in listed["connect-1"]


def test_no_resource_holds_the_authoritys_key(pipeline: Pipeline) -> None:
    authority = pipeline.pulumi("config", "get", "tlsAuthority").stdout
    key = authority[authority.index("-----BEGIN PRIVATE KEY") :].splitlines()[1]
    resources = json.loads(pipeline.pulumi("stack", "export", "--show-secrets").stdout)["deployment"]["resources"]

    assert key
    assert key not in pipeline.pulumi("stack", "export").stdout
    # The engine hands the whole configuration to the provider of dynamic resources, encrypted as it is in its file.
    holders = {resource["type"] for resource in resources if key in json.dumps(resource)}
    assert holders <= {"pulumi:providers:pulumi-python"}
    certificates = [resource for resource in resources if resource["type"].endswith("tls:ServerCertificate")]
    assert {resource["inputs"]["names"][0] for resource in certificates} == {
        *("postgres", "kafka-1", "connect-1", "schema-registry", "scylla", "vault"),
    }
