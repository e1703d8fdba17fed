# file only 1.8
"""OpenTelemetry traces of agents, exported to OTEL_EXPORTER_OTLP_ENDPOINT."""

from functools import cache
from multiprocessing.util import Finalize

from livekit.agents.telemetry import set_tracer_provider
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


@cache
def send(endpoint: str) -> None:
    """Export the SDK's traces of this process to `endpoint`, the last ones when it exits."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    set_tracer_provider(provider)
    # OpenTelemetry relies on atexit, which multiprocessing skips (measured). A shutdown callback of
    # the job would be too early: the root span ends after those.
    Finalize(None, provider.shutdown, exitpriority=1)
