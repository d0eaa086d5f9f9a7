"""OpenTelemetry's Java agent: traces a sample of the rows through the Connect workers and sends the spans by OTLP.

The image of `images/java-agents` holds the agent. What it cannot know, which row a record is about and which records a
statement writes, comes from our plug-in (`TraceRow`, `PutSpans`). Nothing waits for whoever takes the spans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from components.observability.jmx import AGENTS_PATH

AGENT: Final = f"-javaagent:{AGENTS_PATH}/opentelemetry-javaagent.jar"
INSTRUMENTED: Final = ("KAFKA", "JDBC", "OPENTELEMETRY_API")
"""Everything else would only make traces of health checks. What it has for Kafka Connect is off as well: that links a
batch to at most 128 of its records, and looks at all of them, traced or not."""


@dataclass(frozen=True)
class Tracing:
    """Where spans go, and how many rows are traced."""

    endpoint: str
    """URL that takes OTLP over HTTP."""
    sample_ratio: float
    """Part of the changes, from 0 to 1."""


def traced_environment(
    variable: str, service: str, tracing: Tracing | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment with the agent added to the variable that the start script hands to Java."""
    if tracing is None:
        return dict(environment)
    return {
        **environment,
        variable: " ".join(filter(None, (AGENT, environment.get(variable)))),
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_ENDPOINT": tracing.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PROPAGATORS": "tracecontext",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{tracing.sample_ratio:g}",
        # A person who has seen a row arrive looks for its trace at once; the default is 5 s.
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        # Exceptions are log records then, and those go nowhere: PostgreSQL quotes values in its messages.
        "OTEL_SEMCONV_EXCEPTION_SIGNAL_PREVIEW": "logs",
        # The command line tells nothing about a row.
        "OTEL_RESOURCE_DISABLED_KEYS": "process.command_args,process.command_line",
        "OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED": "false",
        **{f"OTEL_INSTRUMENTATION_{name}_ENABLED": "true" for name in INSTRUMENTED},
    }
