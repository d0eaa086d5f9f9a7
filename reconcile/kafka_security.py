"""How librdkafka's clients reach brokers that want TLS or a login, and why they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaError

from reconcile.credentials import read_properties
from reconcile.model import PipelineSettings

_TELLING: Final = (
    KafkaError._AUTHENTICATION,  # noqa: SLF001 librdkafka's public name
    KafkaError._SSL,  # noqa: SLF001 librdkafka's public name
)
"""Faults of a connection, the most telling first."""


@dataclass(frozen=True)
class KafkaSecurity:
    """TLS and login of a client."""

    tls: bool = False
    ca_file: str | None = None
    """Authorities; None: the system's."""
    mechanism: str = ""
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no login."""
    username: str = ""
    password: str = field(default="", repr=False)

    def properties(self) -> dict[str, str]:
        """Return librdkafka's properties; none for brokers that want neither."""
        transport = "SSL" if self.tls else "PLAINTEXT"
        found = {"security.protocol": f"SASL_{transport}" if self.mechanism else transport}
        if self.tls and self.ca_file:
            found["ssl.ca.location"] = self.ca_file
        if self.mechanism:
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return {} if found["security.protocol"] == "PLAINTEXT" else found


def kafka_properties(pipeline: PipelineSettings) -> dict[str, str]:
    """Return librdkafka's properties for TLS and login, with the login as its file has it now.

    Raises:
        ConfigError: the file cannot be read or lacks a key.
    """
    username, password = "", ""
    if pipeline.kafka_sasl_mechanism and pipeline.kafka_credentials_file:
        username, password = read_properties(Path(pipeline.kafka_credentials_file))
    return KafkaSecurity(
        pipeline.kafka_tls, pipeline.ca_file, pipeline.kafka_sasl_mechanism or "", username, password
    ).properties()


def last_fault(consumer: Consumer, faults: Sequence[KafkaError]) -> str:
    """Return what a consumer said about its connections, which its calls leave out; empty when it said nothing.

    Args:
        consumer: calls its `error_cb` when it is polled.
        faults: what that has collected.
    """
    consumer.poll(0)
    for code in _TELLING:
        for fault in reversed(faults):
            if fault.code() == code:
                return str(fault.str())
    if any(fault.code() == KafkaError._ALL_BROKERS_DOWN for fault in faults):  # noqa: SLF001 librdkafka's public name
        return "no connection lasts: no broker runs there, or it wants TLS or a login that this client was not given"
    return ""
