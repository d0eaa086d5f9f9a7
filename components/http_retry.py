"""HTTP requests that survive a server which is just coming up."""

from __future__ import annotations

from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from components.tls.trust import distrust

REQUEST_TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = 60.0


def request_with_retries(
    client: httpx.Client, method: str, url: str, retry_seconds: float = RETRY_SECONDS, **arguments: Any
) -> httpx.Response:
    """Send a request; connection errors are retried with back-off for `retry_seconds`, but no distrust of the server.

    Raises:
        httpx.TransportError: the last one, when the time is over. A status is never an error here.
    """
    retrying = Retrying(
        retry=retry_if_exception(_may_pass),
        wait=wait_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(retry_seconds),
        reraise=True,
    )
    return retrying(client.request, method, url, **arguments)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, httpx.TransportError) and not distrust(error)
