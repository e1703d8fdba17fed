"""Logs, metrics and traces of the real programs, as an operator sees them."""

import asyncio
import contextlib
import gzip  # only 1.8
import io
import json
import platform  # only 1.8
import re  # only kubernetes
import threading  # only 1.8
from collections.abc import Iterator  # only 1.8
from contextlib import contextmanager  # only 1.8
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer  # only 1.8
from pathlib import Path  # only kubernetes

import aiohttp
import pytest
from livekit.api import RoomParticipantIdentity
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # only 1.8
from prometheus_client.parser import text_string_to_metric_families

from app.dispatch.policy import LOAD_LIMIT  # only 1.8
from tests.e2e.person import TIMEOUT, Person
from tests.e2e.programs import LiveKit, free_ports

ROOM = "observed"
JOBS = f"lk_agents_active_job_count {platform.node()}"  # only 1.8


@dataclass
class Telemetry:
    """Log lines, metrics and spans of a room whose agent was replaced."""

    lines: list[str]
    metrics: dict[str, float]
    spans: set[str]  # only 1.8


@pytest.fixture(scope="module")
async def telemetry() -> Telemetry:
    livekit = LiveKit()
    (backend_port,) = free_ports(1)
    backend_env = {
        "TOKEN_LOG_FORMAT": "json",
        "TOKEN_METRICS_HOST": "127.0.0.1",
        "TOKEN_METRICS_PORT": str(backend_port),
    }
    # begin only 1.8
    (worker_port,) = free_ports(1)
    worker_env = {"WORKER_METRICS_PORT": str(worker_port)}
    # end only 1.8
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        collector() as (url, spans),  # only 1.8
        livekit.running(),
        livekit.worker(**worker_env, OTEL_EXPORTER_OTLP_ENDPOINT=url),  # only 1.8
        livekit.worker(),  # only 1.0.23
        livekit.backend(**backend_env) as backend,
    ):
        person = await Person.with_token_from(backend, room_name=ROOM)
        first = await person.meets_agent()
        async with aiohttp.ClientSession() as http:
            await http.post(f"{backend}/token", json={"room_name": 1})
        async with livekit.api() as api:
            await api.room.remove_participant(
                RoomParticipantIdentity(room=ROOM, identity=first.identity)
            )
        while (await person.meets_agent()).identity == first.identity:
            await asyncio.sleep(0.05)
        # LiveKit's webhook about the second agent comes a moment later.
        async with asyncio.timeout(TIMEOUT):
            while (counted := await metrics_at(backend_port))["app_agent_seconds_count"] < 2:
                await asyncio.sleep(0.05)
            # begin only 1.8
            while (worker := await metrics_at(worker_port))[JOBS] > 1:
                await asyncio.sleep(0.05)
            # end only 1.8
        # begin only 1.8
        sent = worker["app_dispatches_total"] + counted["app_dispatches_total"]
        counted = {**worker, **counted, "app_dispatches_total": sent}
        # end only 1.8
        await person.leave()
    return Telemetry(
        printed.getvalue().splitlines(),
        counted,
        spans,  # only 1.8
    )


# begin only 1.8
@contextmanager
def collector() -> Iterator[tuple[str, set[str]]]:
    """Run an OpenTelemetry collector; yield its URL and the names of the spans it receives."""
    spans: set[str] = set()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            sent = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
            for resource in sent.resource_spans:
                spans.update(s.name for scope in resource.scope_spans for s in scope.spans)
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            server.shutdown()
            thread.join()


# end only 1.8
async def metrics_at(port: int) -> dict[str, float]:
    """Return the metrics on `port`, by name and label values."""
    url = f"http://127.0.0.1:{port}/metrics"
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        text = await answer.text()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_log_lines_are_json_and_a_jobs_lines_have_its_id_and_room(telemetry: Telemetry) -> None:
    lines = [json.loads(line) for line in telemetry.lines if line]
    for line in lines:
        assert {"level", "name", "message", "timestamp"} <= line.keys()
    worker = next(line.get("pid") for line in lines if line["message"] == "starting worker")
    jobs = {line.get("pid") for line in lines if "job_id" in line} - {worker}
    assert len(jobs) == 2
    for line in lines:
        if line.get("pid") in jobs and "process" not in line["message"]:  # before its job
            assert line["room"] == ROOM
            assert line["job_id"]
    assert any(line["name"] == "app.dispatch.rooms" and line["room"] == ROOM for line in lines)


# begin only kubernetes
def test_the_dashboard_shows_existing_metrics(telemetry: Telemetry) -> None:
    dashboard = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json"
    names = set(re.findall(r"\b(?:app|lk_agents)_\w+", dashboard.read_text(encoding="utf-8")))
    assert names
    assert names <= {name.split()[0] for name in telemetry.metrics}


# end only kubernetes
# begin only 1.8
def test_each_job_is_traced(telemetry: Telemetry) -> None:
    assert {"job_entrypoint", "agent_session"} <= telemetry.spans


# end only 1.8
def test_metrics_count_tokens_agents_and_dispatches(telemetry: Telemetry) -> None:
    assert telemetry.metrics["app_token_requests_total 201"] == 1
    assert telemetry.metrics["app_token_requests_total 422"] == 1
    assert telemetry.metrics["app_agent_seconds_count"] == 2
    assert telemetry.metrics["app_agent_seconds_bucket 5.0"] >= 1
    assert telemetry.metrics["app_dispatches_total"] == 1
    # begin only 1.8
    assert telemetry.metrics[JOBS] == 1
    assert telemetry.metrics["app_worker_load"] >= 0
    assert 0 <= telemetry.metrics[f"lk_agents_worker_load {platform.node()}"] <= LOAD_LIMIT
    # end only 1.8
