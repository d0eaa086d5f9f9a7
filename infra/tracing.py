"""Whether a stack traces its rows, and where the spans go."""

from __future__ import annotations

from components import ports
from components.observability.traces import Tracing
from infra.settings import Settings


def tracing(settings: Settings) -> Tracing | None:
    """Where the stack's spans go; None where nothing is traced."""
    if not settings.tracing.enabled:
        return None
    return Tracing(f"http://jaeger:{ports.OTLP}", settings.tracing.sample_ratio)


def traced(settings: Settings) -> bool:
    """Whether rows are traced: only workers of our own run the agent."""
    return settings.tracing.enabled and settings.connect.mode != "external"
