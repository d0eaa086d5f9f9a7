"""A stack with TLS: what its servers get, how its clients verify them, and that another stack sees nothing of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import yaml

from components.tls.authority import Authority, new_authority
from infra.config_reader import SettingsError
from tests.unit.infra.program import Program, is_secret, load, plain, run_program, strings

AUTHORITY = new_authority("test")
CA = Authority.parse(AUTHORITY).certificate_pem
TLS: dict[str, Any] = {
    "transportSecurity": "tls",
    "tlsAuthority": AUTHORITY,
    "kafkaAdminPassword": "made-up-kafka",
    "connectUser": "cdc",
    "connectPassword": 'made-up-"connect',
}


@pytest.fixture(scope="module")
def secured() -> Program:
    return run_program("testbed", **TLS)


def container(program: Program, name: str) -> dict[str, Any]:
    return dict(program.one("docker:index/container:Container", name).inputs)


def files(program: Program, name: str) -> dict[str, Any]:
    """Content by path."""
    uploads = plain(container(program, name).get("uploads", []))
    return {each["file"]: each.get("content", each.get("contentBase64")) for each in map(plain, uploads)}


def test_without_tls_there_is_no_trace_of_it() -> None:
    program = run_program("testbed")

    assert program.of_type("tls:ServerCertificate") == []
    assert "transport" not in program.outputs
    for resource in program.of_type("docker:index/container:Container"):
        assert not [path for path in files(program, resource.name) if path.startswith("/etc/cdc/")], resource.name
        assert "ssl=on" not in (resource.inputs.get("command") or [])
    assert "sslrootcert" not in program.one("pulumi:providers:postgresql", "postgresql").inputs


def test_the_authoritys_key_reaches_no_resource(secured: Program) -> None:
    key = AUTHORITY[AUTHORITY.index("-----BEGIN PRIVATE") :].splitlines()[1]

    assert not [resource.name for resource in secured.resources if key in str(resource.inputs)]
    assert key not in str(secured.outputs)


def test_postgres_takes_tls_only_and_is_verified_by_every_client(secured: Program) -> None:
    postgres = container(secured, "postgres")
    assert "ssl=on" in postgres["command"]
    assert "hostnossl" in files(secured, "postgres")["/etc/cdc/pg_hba.conf"]
    assert is_secret(postgres["uploads"])

    names = secured.one("tls:ServerCertificate", "postgres").inputs["names"]
    assert names == ["postgres", "localhost", "127.0.0.1"]

    provider = secured.one("pulumi:providers:postgresql", "postgresql").inputs
    assert (provider["sslmode"], provider["sslrootcert"]) == ("verify-full", ".state/trusted-testbed.pem")
    url = secured.one("kafka-connect:Connector", "postgres-sink").inputs["config"]["connection.url"]
    assert "sslmode=verify-full" in url
    assert "sslrootcert=%2Fetc%2Fcdc%2Fca.pem" in url
    assert "sslrootcert: /etc/cdc/ca.pem" in files(secured, "reconcile")["/etc/reconcile/reconcile.yaml"]
    assert secured.one("vault:DatabaseAccess", "postgres").inputs["vault_sslrootcert"] == "/etc/cdc/ca.pem"
    exporter = "\n".join(container(secured, "postgres-exporter")["envs"])
    assert "sslmode=verify-full&sslrootcert=/etc/cdc/ca.pem" in exporter
    for client in ("connect-1", "reconcile", "canary", "vault", "postgres-exporter"):
        assert files(secured, client)["/etc/cdc/ca.pem"] == CA, client
    assert secured.outputs["transport"]["postgres_sslmode"] == "verify-full"
    assert secured.outputs["transport"]["trusted"] == CA


def test_an_authority_that_is_none_is_refused_before_anything_is_made() -> None:
    with pytest.raises(SettingsError, match="tlsAuthority: the secret is no certificate of a CA"):
        load(transportSecurity="tls", tlsAuthority="nonsense")
    with pytest.raises(SettingsError, match="tlsAuthority: the secret is missing"):
        load(transportSecurity="tls")


def test_verifying_an_external_server_takes_an_authority() -> None:
    external = {"postgresMode": "external", "postgresHost": "postgres.internal", "postgresSslMode": "verify-full"}
    with pytest.raises(SettingsError, match="tlsCaCertificate: is needed with postgresSslMode verify-full"):
        load(**external)

    settings = load(**external, tlsCaCertificate=CA)
    assert settings.transport.trusted == CA
    assert settings.postgres.ssl_mode == "verify-full"


def test_a_private_key_is_nothing_to_trust() -> None:
    with pytest.raises(SettingsError, match="tlsCaCertificate: holds a private key") as error:
        load(tlsCaCertificate=AUTHORITY)
    assert "BEGIN PRIVATE" not in str(error.value)


def test_brokers_ask_clients_for_logins_and_each_other_for_certificates(secured: Program) -> None:
    env = dict(each.split("=", 1) for each in container(secured, "kafka-1")["envs"])
    assert env["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] == "INSIDE:SASL_SSL,OUTSIDE:SASL_SSL,BROKERS:SSL"
    assert env["KAFKA_INTER_BROKER_LISTENER_NAME"] == "BROKERS"
    assert env["KAFKA_LISTENER_NAME_BROKERS_SSL_CLIENT_AUTH"] == "required"
    assert env["KAFKA_LISTENER_NAME_INSIDE_SASL_ENABLED_MECHANISMS"] == "SCRAM-SHA-512"
    assert "-javaagent:" in env["KAFKA_OPTS"]
    assert env["KAFKA_OPTS"].endswith("-Djava.security.auth.login.config=/etc/cdc/jaas.conf")

    jaas = files(secured, "kafka-1")["/etc/cdc/jaas.conf"]
    assert (
        'outside.KafkaServer {\norg.apache.kafka.common.security.plain.PlainLoginModule required user_admin="' in jaas
    )
    assert "inside.KafkaServer {\norg.apache.kafka.common.security.scram.ScramLoginModule required;\n};" in jaas
    assert secured.one("tls:ServerCertificate", "kafka-1").inputs["client"] is True
    assert secured.one("tls:ServerCertificate", "postgres").inputs["client"] is False


def test_each_client_of_the_brokers_has_a_user_of_its_own(secured: Program) -> None:
    users = {each.name: plain(each.inputs["password"]) for each in secured.of_type("UserScramCredential")}
    assert set(users) == {"cdc-connect", "cdc-registry", "cdc-reconcile", "cdc-operator"}
    assert len(set(users.values())) == 4

    for name, user in {"connect-1": "cdc-connect", "schema-registry": "cdc-registry"}.items():
        jaas = files(secured, name)["/etc/cdc/jaas.conf"]
        assert f'username="{user}" password="{users[user]}";' in jaas
        assert files(secured, name)["/etc/cdc/ca.pem"] == CA
    assert files(secured, "reconcile")["/etc/cdc/kafka.properties"] == (
        f"username=cdc-reconcile\npassword={users['cdc-reconcile']}\n"
    )
    assert secured.outputs["credentials"]["kafka"] == {"username": "cdc-operator", "password": users["cdc-operator"]}


def test_connect_uses_its_login_for_everything_it_does(secured: Program) -> None:
    env = dict(each.split("=", 1) for each in container(secured, "connect-1")["envs"])
    for prefix in ("CONNECT_", "CONNECT_PRODUCER_", "CONNECT_CONSUMER_", "CONNECT_ADMIN_"):
        assert env[f"{prefix}SECURITY_PROTOCOL"] == "SASL_SSL"
        assert env[f"{prefix}SASL_MECHANISM"] == "SCRAM-SHA-512"
        assert env[f"{prefix}SSL_TRUSTSTORE_LOCATION"] == "/etc/cdc/ca.pem"


def test_the_workers_jvm_has_its_agents_its_authorities_and_its_login(secured: Program) -> None:
    env = dict(each.split("=", 1) for each in container(secured, "connect-1")["envs"])
    agents = [option for option in env["KAFKA_OPTS"].split() if option.startswith("-javaagent:")]
    assert [agent.rpartition("/")[2] for agent in agents] == ["opentelemetry-javaagent.jar", "connect.yml"]
    assert "-Djavax.net.ssl.trustStore=/etc/cdc/trusted.p12" in env["KAFKA_OPTS"]
    assert env["KAFKA_OPTS"].endswith("-Djava.security.auth.login.config=/etc/cdc/jaas.conf")


def test_the_provider_makes_the_users_as_the_brokers_first_one(secured: Program) -> None:
    provider = secured.one("pulumi:providers:kafka", "kafka").inputs
    assert (provider["saslMechanism"], plain(provider["saslUsername"])) == ("plain", "admin")
    assert is_secret(provider["saslPassword"])
    assert provider["caCert"] == CA
    gate = secured.one("gate:Gate", "kafka").inputs
    assert gate["kind"] == "kafka-tls"


def test_no_login_is_in_clear(secured: Program) -> None:
    passwords = [plain(each.inputs["password"]) for each in secured.of_type("UserScramCredential")]
    for resource in secured.resources:
        shown = [text for text in strings(resource.inputs) for password in passwords if password in text]
        assert shown == [], f"{resource.type} {resource.name}"


def test_an_external_cluster_is_reached_with_the_login_of_the_configuration() -> None:
    program = run_program(
        "prod",
        kafkaTlsEnabled=True,
        kafkaSaslMechanism="SCRAM-SHA-256",
        kafkaAdminUser="pipeline",
        kafkaAdminPassword="made-up-kafka",
        tlsCaCertificate=CA,
    )
    provider = program.one("pulumi:providers:kafka", "kafka").inputs
    assert (provider["saslMechanism"], plain(provider["saslUsername"])) == ("scram-sha256", "pipeline")
    spec = program.one("docker:index/service:Service", "connect").inputs["taskSpec"]["containerSpec"]
    assert spec["env"]["CONNECT_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert spec["env"]["CONNECT_SASL_MECHANISM"] == "SCRAM-SHA-256"
    assert "/etc/cdc/jaas.conf" in [each["fileName"] for each in spec["secrets"]]
    assert program.of_type("UserScramCredential") == []


def test_a_login_without_its_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="kafkaAdminPassword: the secret is missing"):
        load(**(TLS | {"kafkaAdminPassword": ""}))


def test_connect_speaks_https_and_asks_for_a_login(secured: Program) -> None:
    env = dict(each.split("=", 1) for each in container(secured, "connect-1")["envs"])
    assert env["CONNECT_LISTENERS"] == "https://0.0.0.0:8083"
    assert env["CONNECT_LISTENERS_HTTPS_SSL_KEYSTORE_TYPE"] == "PKCS12"
    assert env["CONNECT_REST_EXTENSION_CLASSES"].endswith("BasicAuthSecurityRestExtension")
    assert (
        container(secured, "connect-1")["healthcheck"]["tests"][1] == "exec curl -fsS https://localhost:8083/connectors"
    )

    found = files(secured, "connect-1")
    assert "KafkaClient {" in found["/etc/cdc/jaas.conf"]
    assert 'PropertyFileLoginModule required file="/etc/cdc/connect-users.properties";' in found["/etc/cdc/jaas.conf"]
    assert found["/etc/cdc/connect-users.properties"] == 'cdc=made-up-"connect\n'
    assert found["/etc/cdc/server.p12"] == "a2V5c3RvcmU="
    uploads = {each["file"]: each for each in map(plain, plain(container(secured, "connect-1")["uploads"]))}
    assert "content" not in uploads["/etc/cdc/server.p12"]
    secret = [uploads[path] for path in ("/etc/cdc/server.p12", "/etc/cdc/.curlrc")]
    # Of root, for group 0: an engine would look for the image's user, by whom the container starts, on its host.
    assert {(each["permissions"], each.get("owner")) for each in secret} == {("0440", None)}
    assert container(secured, "connect-1")["groupAdds"] == ["0"]


def test_the_registry_speaks_https_and_is_verified_by_every_client(secured: Program) -> None:
    env = dict(each.split("=", 1) for each in container(secured, "schema-registry")["envs"])
    assert env["SCHEMA_REGISTRY_LISTENERS"] == "https://0.0.0.0:8081"
    assert env["SCHEMA_REGISTRY_INTER_INSTANCE_PROTOCOL"] == "https"
    assert env["SCHEMA_REGISTRY_SSL_KEYSTORE_LOCATION"] == "/etc/cdc/server.p12"
    assert files(secured, "schema-registry")["/etc/cdc/server.p12"] == "a2V5c3RvcmU="
    assert (
        container(secured, "schema-registry")["healthcheck"]["tests"][1]
        == "exec curl -fsS --cacert /etc/cdc/ca.pem https://localhost:8081/subjects"
    )
    assert secured.one("tls:ServerCertificate", "schema-registry").inputs["names"][0] == "schema-registry"

    for connector in ("scylla-source", "postgres-sink"):
        config = secured.one("kafka-connect:Connector", connector).inputs["config"]
        assert config["value.converter.schema.registry.url"] == "https://schema-registry:8081"
    env = dict(each.split("=", 1) for each in container(secured, "connect-1")["envs"])
    assert "-Djavax.net.ssl.trustStore=/etc/cdc/trusted.p12 -Djavax.net.ssl.trustStoreType=PKCS12" in env["KAFKA_OPTS"]
    assert files(secured, "connect-1")["/etc/cdc/trusted.p12"] == "dHJ1c3RzdG9yZQ=="
    assert secured.one("tls:TrustStore", "connect").inputs["trusted"] == CA
    assert secured.one("gate:Gate", "schema-registry").inputs["address"] == "https://127.0.0.1:28081/subjects"
    assert secured.outputs["endpoints"]["schema_registry"] == "https://127.0.0.1:28081"


def test_the_systems_authorities_count_for_an_external_registry_unless_others_are_named() -> None:
    external = {"registryMode": "external", "registryUrl": "https://registry.test"}
    assert run_program("dev", **external).of_type("tls:TrustStore") == []

    named = run_program("dev", **external, tlsCaCertificate=CA)
    assert "/etc/cdc/trusted.p12" in files(named, "connect-1")
    assert not any(
        "trustStore" in each for each in container(run_program("dev", tlsCaCertificate=CA), "connect-1")["envs"]
    )


def test_scylla_takes_tls_only_and_is_verified_by_every_client(secured: Program) -> None:
    command = container(secured, "scylla")["command"]
    options = [value for name, value in pairwise(command) if name == "--client-encryption-options"]
    assert options == [
        "enabled=true", "certificate=/etc/cdc/server.pem", "keyfile=/etc/cdc/server.pem", "truststore=/etc/cdc/ca.pem",
    ]  # fmt: skip
    assert files(secured, "scylla")["/etc/cdc/server.pem"] == "key of scylla\ncertificate of scylla\n"
    assert secured.one("gate:Gate", "scylla").inputs["kind"] == "cql-tls"
    assert secured.one("kafka-connect:Connector", "scylla-source").inputs["config"]["scylla.ssl.enabled"] == "true"
    for job, config in {
        "reconcile": "/etc/reconcile/reconcile.yaml",
        "canary": "/etc/reconcile/reconcile.yaml",
    }.items():
        assert "ca_file: /etc/cdc/ca.pem" in files(secured, job)[config].partition("postgres:")[0], job
    assert secured.one("vault:DatabaseAccess", "scylla").inputs["vault_pem_bundle"] == CA
    assert secured.outputs["transport"]["scylla_tls"] is True


def test_external_nodes_speak_tls_where_the_configuration_says_so() -> None:
    external: dict[str, Any] = {"scyllaMode": "external", "scyllaContactPoints": ["scylla.test:9142"]}
    plain_nodes = run_program("dev", **external)
    assert plain_nodes.one("gate:Gate", "scylla").inputs["kind"] == "cql"

    program = run_program("dev", **external, scyllaTlsEnabled=True, tlsCaCertificate=CA)
    assert program.one("gate:Gate", "scylla").inputs["kind"] == "cql-tls"
    assert program.one("vault:DatabaseAccess", "scylla").inputs["vault_pem_bundle"] == CA
    assert "/etc/cdc/trusted.p12" in files(program, "connect-1")
    with pytest.raises(SettingsError, match="tlsCaCertificate: is needed with scyllaTlsEnabled"):
        load(**external, scyllaTlsEnabled=True)


def test_vault_speaks_https_and_is_verified_by_every_client(secured: Program) -> None:
    config = files(secured, "vault")["/vault/config/server.hcl"]
    assert "tls_disable" not in config
    assert 'tls_cert_file   = "/etc/cdc/server.crt"' in config
    assert "tls_disable" not in files(secured, "vault")["/vault/config/server-metrics.hcl"]
    assert files(secured, "vault")["/etc/cdc/server.key"] == "key of vault\n"
    assert secured.one("tls:ServerCertificate", "vault").inputs["names"][0] == "vault"

    address = {"vault": "https://127.0.0.1:8200"}
    for client in ("vault", "vault-unsealer", "vault-agent", "reconcile-agent", "canary-agent"):
        envs = container(secured, client)["envs"]
        assert f"VAULT_ADDR={address.get(client, 'https://vault:8200')}" in envs, client
        assert "VAULT_CACERT=/etc/cdc/ca.pem" in envs, client
        assert files(secured, client)["/etc/cdc/ca.pem"] == CA, client
    provider = secured.one("pulumi:providers:vault", "vault").inputs
    assert (provider["address"], provider["caCertFile"]) == (
        "https://127.0.0.1:28200",
        ".state/trusted-testbed.pem",
    )
    assert secured.one("vault:Init", "vault").inputs["address"] == "https://127.0.0.1:28200"
    assert secured.outputs["endpoints"]["vault"] == "https://127.0.0.1:28200"


def test_prometheus_verifies_vault(secured: Program) -> None:
    found = files(secured, "prometheus")
    (vault,) = [
        each for each in yaml.safe_load(found["/etc/prometheus/targets.yml"]) if "vault:8202" in each["targets"]
    ]
    assert vault["labels"]["__scheme__"] == "https"
    config = yaml.safe_load(found["/etc/prometheus/prometheus.yml"])
    jobs = {each["job_name"]: each for each in config["scrape_configs"]}
    assert jobs["services"]["tls_config"] == {"ca_file": "/etc/cdc/ca.pem"}
    assert "tls_config" not in jobs["heartbeats"], "it scrapes nothing"
    assert found["/etc/cdc/ca.pem"] == CA

    bare = files(run_program("testbed"), "prometheus")
    assert "tls_config" not in bare["/etc/prometheus/prometheus.yml"]
    assert "__scheme__" not in bare["/etc/prometheus/targets.yml"]


def test_prometheus_knows_when_each_certificate_ends(secured: Program) -> None:
    found = files(secured, "prometheus")
    (group,) = yaml.safe_load(found["/etc/prometheus/rules/certificate-ends.yml"])["groups"]
    assert {rule["labels"]["service"] for rule in group["rules"]} == {
        resource.name for resource in secured.of_type("tls:ServerCertificate")
    }
    assert {rule["expr"] for rule in group["rules"]} == {"vector(1830297600)"}
    assert "CdcCertificateEnds" in found["/etc/prometheus/rules/certificates.yml"]

    assert not [path for path in files(run_program("testbed"), "prometheus") if "certificate" in path]


def test_an_external_vault_is_verified_by_the_authority_that_is_named() -> None:
    external = {"vaultMode": "external", "vaultAddress": "https://vault.test"}
    program = run_program("dev", **external)
    assert "caCertFile" not in program.one("pulumi:providers:vault", "vault").inputs
    assert not [each for each in container(program, "vault-agent")["envs"] if each.startswith("VAULT_CACERT")]

    named = run_program("dev", **external, tlsCaCertificate=CA)
    assert named.one("pulumi:providers:vault", "vault").inputs["caCertFile"] == ".state/trusted-dev.pem"
    assert "VAULT_CACERT=/etc/cdc/ca.pem" in container(named, "vault-agent")["envs"]


def test_what_calls_connect_logs_in_and_verifies_it(secured: Program) -> None:
    curlrc = 'user = "cdc:made-up-\\"connect"\ncacert = "/etc/cdc/ca.pem"\n'
    for name in ("connect-1", "connect-restarter"):
        assert "CURL_HOME=/etc/cdc" in container(secured, name)["envs"]
        assert files(secured, name)["/etc/cdc/.curlrc"] == curlrc
        assert files(secured, name)["/etc/cdc/ca.pem"] == CA
    assert "CONNECT_URL=https://connect-1:8083" in container(secured, "connect-restarter")["envs"]
    job = files(secured, "reconcile")
    assert "connect_url: https://connect-1:8083" in job["/etc/reconcile/reconcile.yaml"]
    assert "connect_credentials_file: /etc/cdc/connect.properties" in job["/etc/reconcile/reconcile.yaml"]
    assert job["/etc/cdc/connect.properties"] == 'username=cdc\npassword=made-up-"connect\n'
    assert secured.one("gate:Gate", "connect").inputs["expected_statuses"] == [401]
    assert secured.outputs["endpoints"]["connect"] == "https://127.0.0.1:28083"
    assert secured.outputs["credentials"]["connect"] == {"username": "cdc", "password": 'made-up-"connect'}


def test_connect_asks_for_a_login_without_tls_too() -> None:
    program = run_program("dev", connectUser="cdc", connectPassword="made-up-connect")

    env = dict(each.split("=", 1) for each in container(program, "connect-1")["envs"])
    assert env["CONNECT_LISTENERS"] == "http://0.0.0.0:8083"
    assert "CONNECT_REST_EXTENSION_CLASSES" in env
    assert "CONNECT_SECURITY_PROTOCOL" not in env
    assert set(files(program, "connect-1")) == {
        *("/etc/cdc/jaas.conf", "/etc/cdc/connect-users.properties", "/etc/cdc/.curlrc"),
    }
    assert files(program, "connect-restarter")["/etc/cdc/.curlrc"] == 'user = "cdc:made-up-connect"\n'
    assert program.of_type("tls:ServerCertificate") == []


def test_tls_without_a_login_for_connect_is_refused() -> None:
    with pytest.raises(SettingsError, match="connectUser: is needed with transportSecurity tls"):
        load(**(TLS | {"connectUser": ""}))


def test_tls_leaves_no_worker_on_swarm_without_a_login() -> None:
    program = run_program("prod", **TLS)

    spec = program.one("docker:index/service:Service", "connect").inputs["taskSpec"]["containerSpec"]
    assert spec["env"]["CONNECT_LISTENERS"] == "http://0.0.0.0:8083"
    assert "CONNECT_REST_EXTENSION_CLASSES" in spec["env"]
    assert {"/etc/cdc/jaas.conf", "/etc/cdc/connect-users.properties", "/etc/cdc/.curlrc"} <= {
        each["fileName"] for each in spec["secrets"]
    }
