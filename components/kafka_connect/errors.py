"""What can go wrong with Kafka Connect, told apart by what one does about it."""

# ruff: noqa: N818 - the names say what happened

from components.provider_errors import ProviderError


class ConnectError(ProviderError):
    """Base of what this client raises.

    ConnectError
    ├── ConnectUnavailable   no answer, or one that says "later"
    ├── ConnectConflict      409: a rebalance is going on
    ├── ConnectorNotFound    404 about one connector
    ├── ConnectRejected      the request is wrong; carries the worker's message
    └── ConnectorNotRunning  the connector or a task failed, or did not run in time
    """


class ConnectUnavailable(ConnectError):
    """Connect did not answer, or is starting or too busy to."""


class ConnectConflict(ConnectError):
    """Connect answered 409: a rebalance is going on."""


class ConnectorNotFound(ConnectError):
    """There is no connector of this name."""


class ConnectRejected(ConnectError):
    """Connect refused the request, with its own message."""


class ConnectorNotRunning(ConnectError):
    """A connector or one of its tasks is not running."""
