# file only 1.8
"""OpenTelemetry traces of what agents do, if OTEL_EXPORTER_OTLP_ENDPOINT says where to."""

from functools import cache
from multiprocessing.util import Finalize

from livekit.agents.telemetry import set_tracer_provider
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


@cache
def send(endpoint: str) -> None:
    """Sends the SDK's traces of this process to `endpoint`, the last of them as it ends."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    set_tracer_provider(provider)
    # A process of multiprocessing ends without atexit, on which OpenTelemetry relies (measured). A
    # job's own span, which is the root of all others, ends after its shutdown callbacks.
    Finalize(None, provider.shutdown, exitpriority=1)
