"""How the job reaches brokers that want TLS or a login."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError

from reconcile.errors import ConfigError
from reconcile.kafka_security import KafkaSecurity, kafka_properties, last_fault
from reconcile.model import PipelineSettings


def test_plain_brokers_need_nothing() -> None:
    assert kafka_properties(PipelineSettings()) == {}


def test_the_login_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    settings = PipelineSettings(
        kafka_tls=True,
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_credentials_file=str(file),
        ca_file="/etc/cdc/ca.pem",
    )
    with pytest.raises(ConfigError, match=r"kafka\.properties"):
        kafka_properties(settings)

    for password in ("first", "second"):
        file.write_text(f"username=cdc-reconcile\npassword={password}\n")
        assert kafka_properties(settings) == {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": "/etc/cdc/ca.pem",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "cdc-reconcile",
            "sasl.password": password,
        }


def test_without_an_authority_the_systems_own_are_asked() -> None:
    assert KafkaSecurity(tls=True).properties() == {"security.protocol": "SSL"}


def test_the_password_is_not_shown() -> None:
    assert "hidden" not in repr(KafkaSecurity(mechanism="PLAIN", username="me", password="hidden"))


class Polled(Consumer):
    """A consumer that has nothing more to say."""

    def __init__(self) -> None:
        super().__init__({"group.id": "test"})

    def poll(self, timeout: float = -1) -> None:
        assert timeout == 0


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ([], ""),
        ([KafkaError._ALL_BROKERS_DOWN], "wants TLS or a login"),
        ([KafkaError._ALL_BROKERS_DOWN, KafkaError._SSL, KafkaError._ALL_BROKERS_DOWN], "_SSL"),
        ([KafkaError._SSL, KafkaError._AUTHENTICATION], "_AUTHENTICATION"),
    ],
)
def test_the_most_telling_fault_is_said(codes: list[int], said: str) -> None:
    faults = [KafkaError(code, KafkaError(code).name()) for code in codes]
    assert said in last_fault(Polled(), faults)
    assert bool(last_fault(Polled(), faults)) is bool(codes)
