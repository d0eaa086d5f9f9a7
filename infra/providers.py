"""Explicit providers with plain addresses, so that a preview validates everything with all services down."""

from __future__ import annotations

import pulumi_docker as docker
import pulumi_kafka as kafka
import pulumi_postgresql as postgresql
import pulumi_vault as vault

from components.kafka_security import PROVIDER_MECHANISMS
from infra.settings import Settings
from infra.trust import trusted_file

POSTGRES_VERSION = "15.0.0"
"""Major version of the server; a fixed one keeps diffs offline."""
KAFKA_VERSION = "3.6.0"
CONNECT_TIMEOUT_SECONDS = 15
KAFKA_TIMEOUT_SECONDS = 60


def docker_provider(settings: Settings) -> docker.Provider:
    """The engine that runs the containers."""
    return docker.Provider("docker", host=settings.docker.host or None)


def kafka_provider(settings: Settings, bootstrap_servers: list[str]) -> kafka.Provider:
    """Topic administration."""
    configured = settings.kafka
    logs_in = bool(configured.sasl_mechanism)
    # The first user of our own brokers can log in before there are SCRAM users.
    mechanism = "PLAIN" if configured.mode == "container" else configured.sasl_mechanism
    return kafka.Provider(
        "kafka",
        bootstrap_servers=bootstrap_servers,
        # The provider's own default is TLS.
        tls_enabled=configured.tls_enabled,
        ca_cert=(settings.transport.trusted or None) if configured.tls_enabled else None,
        sasl_mechanism=PROVIDER_MECHANISMS[mechanism] if logs_in else None,
        sasl_username=configured.admin_user if logs_in else None,
        sasl_password=configured.admin_password if logs_in else None,
        kafka_version=KAFKA_VERSION,
        timeout=KAFKA_TIMEOUT_SECONDS,
    )


def postgres_provider(settings: Settings, host: str, port: int) -> postgresql.Provider:
    """Roles, database and grants."""
    return postgresql.Provider(
        "postgresql",
        host=host,
        port=port,
        username=settings.postgres.admin_user,
        password=settings.postgres.admin_password,
        sslmode=settings.postgres.ssl_mode,
        sslrootcert=trusted_file(settings),
        # Passwords of roles are not read back from the server, where only their hashes are.
        superuser=False,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        max_connections=4,
        expected_version=POSTGRES_VERSION,
    )


def vault_provider(settings: Settings, address: str) -> vault.Provider:
    """Mounts, secrets, policies and AppRoles."""
    return vault.Provider(
        "vault",
        address=address,
        # The SDK does not mark a token as secret by itself; this one comes marked from the configuration.
        token=settings.vault.token,
        ca_cert_file=trusted_file(settings) if address.startswith("https:") else None,
        skip_child_token=True,
    )
