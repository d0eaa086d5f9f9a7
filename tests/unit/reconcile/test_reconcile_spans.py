"""Spans go where the settings say, hold no row, and nothing waits long for whoever takes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reconcile import tracing
from reconcile.errors import ConfigError
from reconcile.settings import Tracing, load_settings
from tests.doubles import served

CONFIG = """
scylla: {contact_points: ['scylla:9042']}
postgres: {host: postgres}
tables: [{source: shop.users, target: public.users}]
"""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What has ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    return exporter


def names(spans: InMemorySpanExporter) -> list[str]:
    return [span.name for span in spans.get_finished_spans()]


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (found,) = spans.get_finished_spans()
    return found


def test_a_unit_that_ended_in_a_worker_is_a_child_of_the_run(spans: InMemorySpanExporter) -> None:
    with tracing.span("run", table="shop.users", run_id="4711"):
        tracing.ended("unit", 1.5, table="shop.users", unit=3, rows=10)

    unit, run = spans.get_finished_spans()
    assert unit.parent is not None
    assert run.context is not None
    assert unit.parent.span_id == run.context.span_id
    assert (unit.end_time or 0) - (unit.start_time or 0) == 1_500_000_000
    assert dict(unit.attributes or {}) == {"cdc.table": "shop.users", "reconcile.unit": 3, "reconcile.rows": 10}
    assert dict(run.attributes or {}) == {"cdc.table": "shop.users", "reconcile.run_id": "4711"}


def test_an_error_is_named_without_its_message(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="row 42"), tracing.span("confirm"):
        raise ValueError("row 42 is confidential")

    failed = only(spans)
    assert failed.status.description == "ValueError"
    assert not failed.events
    assert "confidential" not in failed.to_json()


def test_without_an_endpoint_nothing_is_sent(spans: InMemorySpanExporter) -> None:
    with tracing.exporting(None), tracing.span("run"):
        assert names(spans) == []
    assert names(spans) == ["run"]


def test_without_a_provider_a_span_is_nothing() -> None:
    with tracing.span("run"):
        tracing.ended("unit", 1)


@pytest.mark.parametrize("url", ["jaeger:4318", "grpc://jaeger:4317", ""])
def test_an_endpoint_that_is_no_url_is_refused_with_an_example(tmp_path: Path, url: str) -> None:
    path = tmp_path / "reconcile.yaml"
    path.write_text(f"{CONFIG}\ntracing: {{endpoint: '{url}'}}")

    with pytest.raises(ConfigError, match=r"(?s)tracing\.endpoint.*http://jaeger:4318"):
        load_settings(path, {})


def test_tracing_is_off_unless_an_endpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "reconcile.yaml"
    path.write_text(CONFIG)

    assert load_settings(path, {}).tracing == Tracing(endpoint=None)
    assert load_settings(path, {"RECONCILE_TRACING__ENDPOINT": "http://jaeger:4318"}).tracing.endpoint


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ConfigError, match=r"\[tracing\]"), tracing.exporting("http://jaeger:4318"):
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes spans, and what it was sent."""
    taken: list[bytes] = []

    def take(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/v1/traces")
        taken.append(request.content)
        return httpx.Response(200)

    with served(take) as url:
        yield url, taken


def in_a_process(endpoint: str) -> subprocess.CompletedProcess[str]:
    """A provider is a process's for good, so each test has one of its own."""
    program = (
        "from reconcile import tracing\n"
        f"with tracing.exporting({endpoint!r}), tracing.span('run', table='shop.users'):\n"
        "    tracing.ended('unit', 0.5)\n"
        "print('done')"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)


def test_spans_are_sent_before_the_command_ends(collector: tuple[str, list[bytes]]) -> None:
    endpoint, taken = collector

    assert in_a_process(endpoint).stdout == "done\n"

    sent = ExportTraceServiceRequest.FromString(b"".join(taken)).resource_spans[0]
    assert {attribute.value.string_value for attribute in sent.resource.attributes} >= {"reconcile"}
    assert [span.name for span in sent.scope_spans[0].spans] == ["unit", "run"]


def test_a_collector_that_is_not_there_does_not_fail_the_command() -> None:
    assert in_a_process("http://127.0.0.1:9").stdout == "done\n"
