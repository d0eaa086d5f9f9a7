"""Kafka Connect's REST API of a stack that is up."""

from typing import Any

from components.kafka_connect.client import ConnectClient
from ops.outputs import StackOutputs


def connect_client(outputs: StackOutputs, **options: Any) -> ConnectClient:
    """Return a client with the stack's login and authorities, and with more options of its own."""
    login = outputs.connect
    return ConnectClient(
        outputs.endpoints["connect"],
        basic_auth=(login.username, login.password) if login else None,
        trusted=outputs.trusted,
        **options,
    )
