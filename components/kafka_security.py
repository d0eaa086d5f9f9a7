"""How clients reach the brokers: TLS, and the logins that they use."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_kafka as kafka

from components.configured import Server
from components.jaas import jaas_file, module, with_jvm_option
from components.service import File
from components.tls.files import CA_PATH, trusted_files

SCRAM: Final = "SCRAM-SHA-512"
"""Mechanism of the brokers that this project runs."""
SCRAM_ITERATIONS: Final = 8192
PLAIN_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
PROVIDER_MECHANISMS: Final = {"PLAIN": "plain", "SCRAM-SHA-256": "scram-sha256", "SCRAM-SHA-512": "scram-sha512"}
"""The Pulumi provider's names."""


@dataclass(frozen=True)
class KafkaLogin:
    """A user of the brokers."""

    username: pulumi.Input[str]
    password: pulumi.Input[str]


@dataclass(frozen=True)
class KafkaAccess:
    """How one client reaches the brokers."""

    tls: bool = False
    trusted: str = ""
    """Authorities (PEM) by which it verifies brokers, beyond the system's own."""
    mechanism: str = ""
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no login."""
    login: KafkaLogin | None = None

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        transport = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{transport}" if self.login else transport

    def java_properties(self) -> dict[str, str]:
        """Properties of a Java client; the login is in its JAAS file. Empty where nothing is asked for."""
        if self.protocol == "PLAINTEXT":
            return {}
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": CA_PATH} if self.tls and self.trusted else {}
        return {"security.protocol": self.protocol} | ({"sasl.mechanism": self.mechanism} if self.login else {}) | trust

    def environment(self, prefix: str) -> dict[str, str]:
        """The same as variables, as start scripts read them."""
        return {f"{prefix}{name}".replace(".", "_").upper(): value for name, value in self.java_properties().items()}

    def jaas_sections(self) -> dict[str, pulumi.Input[str]]:
        """What a Java client's JAAS file has to hold."""
        if not self.login:
            return {}
        login_module = PLAIN_MODULE if self.mechanism == "PLAIN" else SCRAM_MODULE
        options = {"username": self.login.username, "password": self.login.password}
        return {"KafkaClient": module(login_module, options)}


PLAIN_ACCESS: Final = KafkaAccess()
"""Where the brokers ask for nothing."""


def client_options(access: KafkaAccess, env: Mapping[str, str], variable: str) -> dict[str, str]:
    """An environment in which a Java client finds its login, if it has one."""
    return with_jvm_option(env, variable) if access.login else dict(env)


def client_files(access: KafkaAccess, owner_uid: int) -> list[File]:
    """What a Java client reads: whom to trust, and its login."""
    sections = access.jaas_sections()
    trust = trusted_files(access.trusted) if access.tls else []
    return [*trust, *([jaas_file(sections, owner_uid)] if sections else [])]


def derived_password(admin_password: str, user: str) -> str:
    """A user's password, made of the administrator's: who has that one may set any other anyway."""
    return hmac.new(admin_password.encode(), f"Kafka user {user}".encode(), "sha256").hexdigest()


class KafkaUsers(pulumi.ComponentResource):
    """SCRAM users with passwords of their own.

    The passwords have to be known in a preview, which the provider's check of them takes.
    """

    logins: Mapping[str, KafkaLogin]
    ready: list[pulumi.Resource]
    """What their users have to wait for."""

    def __init__(
        self,
        name: str,
        server: Server,
        admin_password: pulumi.Output[str],
        users: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("scylla-pg-cdc:kafka:KafkaUsers", name, {}, opts)
        self.logins = {user: KafkaLogin(user, admin_password.apply(_derive(user))) for user in users}
        self.ready = [
            kafka.UserScramCredential(
                user,
                username=user,
                scram_mechanism=SCRAM,
                scram_iterations=SCRAM_ITERATIONS,
                password=login.password,
                opts=server.options(self),
            )
            for user, login in self.logins.items()
        ]
        self.register_outputs({"users": list(users)})


def _derive(user: str) -> Callable[[str], str]:
    return lambda admin_password: derived_password(admin_password, user)
