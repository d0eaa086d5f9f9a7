"""Who the brokers' clients are, and how each of them gets in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi

from components.configured import Server
from components.kafka_security import PLAIN_ACCESS, KafkaAccess, KafkaLogin, KafkaUsers
from infra.settings import Settings

CONNECT_USER: Final = "cdc-connect"
REGISTRY_USER: Final = "cdc-registry"
RECONCILE_USER: Final = "cdc-reconcile"
OPERATOR_USER: Final = "cdc-operator"
"""The operator's tools."""
USERS: Final = (CONNECT_USER, REGISTRY_USER, RECONCILE_USER, OPERATOR_USER)


def external_clients(settings: Settings) -> Mapping[str, KafkaAccess]:
    """All with the one login that the configuration names."""
    kafka = settings.kafka
    login = KafkaLogin(kafka.admin_user, kafka.admin_password) if kafka.sasl_mechanism else None
    access = KafkaAccess(kafka.tls_enabled, settings.transport.trusted, kafka.sasl_mechanism, login)
    return dict.fromkeys(USERS, access)


def own_clients(settings: Settings, server: Server) -> tuple[Mapping[str, KafkaAccess], Sequence[pulumi.Resource]]:
    """Each with a user of its own where the brokers ask for one; and what has to exist before they log in."""
    kafka = settings.kafka
    if not kafka.sasl_mechanism:
        return dict.fromkeys(USERS, PLAIN_ACCESS), []
    users = KafkaUsers("kafka-users", server, kafka.admin_password, USERS)
    access = {
        user: KafkaAccess(kafka.tls_enabled, settings.transport.trusted, kafka.sasl_mechanism, login)
        for user, login in users.logins.items()
    }
    return access, users.ready
