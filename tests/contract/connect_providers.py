"""Providers as the plug-in process imports them, for tests that cannot wait as long as real tasks need."""

from components.kafka_connect.connector import ConnectorProvider


class ImpatientConnectorProvider(ConnectorProvider):
    """Believes a changed connector as soon as a new one; the fake has no old tasks to stop."""

    stable_after_change_seconds = ConnectorProvider.stable_after_start_seconds
