"""Spans of runs, units, confirmations and repairs, for whoever takes them by OTLP.

Without an endpoint they cost next to nothing and go nowhere. They hold counts and names of tables, never a row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from reconcile.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SERVICE: Final = "reconcile"
TABLE: Final = "cdc.table"
_EXPORT_SECONDS: Final = 5
"""How long the end of a command may wait for a collector that does not answer."""
_tracer: Final = trace.get_tracer(SERVICE)

Attribute = str | int | float | bool


@contextmanager
def exporting(endpoint: str | None) -> Iterator[None]:
    """Send the spans that begin within to the endpoint. A collector that does not answer is no fault of the command.

    Raises:
        ConfigError: the packages that send them are not installed.
    """
    if endpoint is None:
        yield
        return
    provider = _provider(endpoint)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[None]:
    """What is done within is a span. Of an error it holds the class only: messages may quote rows."""
    with _tracer.start_as_current_span(
        name, attributes=_dotted(attributes), record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield
        except BaseException as error:
            opened.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def ended(name: str, seconds: float, **attributes: Attribute) -> None:
    """Record a span that has just ended elsewhere, as in a worker."""
    now_ns = time.time_ns()
    begun_ns = now_ns - round(seconds * 1e9)
    _tracer.start_span(name, attributes=_dotted(attributes), start_time=begun_ns).end(now_ns)


def _dotted(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """`table` is the attribute of the rows' own traces; all others are the job's."""
    return {TABLE if key == "table" else f"{SERVICE}.{key}": value for key, value in attributes.items()}


def _provider(endpoint: str) -> TracerProvider:
    try:
        sdk: Any = import_module("opentelemetry.sdk.trace")
        export: Any = import_module("opentelemetry.sdk.trace.export")
        resources: Any = import_module("opentelemetry.sdk.resources")
        http: Any = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        raise ConfigError(
            "tracing.endpoint needs packages that are not installed: pip install 'scylla-pg-reconcile[tracing]'"
        ) from None
    exporter = http.OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    provider: TracerProvider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider
