"""The worker: accepts jobs from LiveKit and starts the assistant in their rooms.

python -m app.agent dev                       in development
python -m app.agent start                     in production
python -m app.agent start --log-level DEBUG   to see each step of a job
"""

import math
import os
import sys
from pathlib import Path

if not __package__:  # python app/agent.py
    sys.path[0] = str(Path(__file__).parents[1])

from livekit.agents import AgentServer, CloseEvent, CloseReason, JobContext, JobProcess, cli

from app import assistant
from app.conversation import transcripts
from app.dispatch import drain, names, presence, proxy, watch
from app.dispatch.load import report_load
from app.observability import traces
from app.settings import load_settings

settings = load_settings()
names.ignore_names(os.environ, settings)


def setup(process: JobProcess) -> None:
    """Set up a process before its first job."""
    if settings.otel_exporter_otlp_endpoint:
        traces.send(settings.otel_exporter_otlp_endpoint)
    assistant.prewarm(process)


async def entrypoint(job: JobContext) -> None:
    """Start the assistant in one room. Each job runs this in its own process."""
    if await presence.join(job, settings):
        session = await assistant.start(job)
        session.on("close", lambda event: on_close(job, event))
        transcripts.keep(job, session, settings)


def on_close(job: JobContext, event: CloseEvent) -> None:
    """End the job once its session is dead, so that another agent can take over."""
    if event.reason in (CloseReason.ERROR, CloseReason.PARTICIPANT_DISCONNECTED):
        job.shutdown(f"the session ended: {event.reason.value}")


class Worker(AgentServer):
    async def run(self, **options: bool) -> None:
        watch.exit_if_taken(settings)
        transcripts.exit_if_unwritable(settings.assistant_transcripts)
        await super().run(**options)


server = Worker(
    ws_url=settings.livekit_url,
    api_key=settings.livekit_api_key,
    api_secret=settings.livekit_api_secret.get_secret_value(),
    http_proxy=proxy.for_worker(settings.livekit_url),
    host=settings.worker_host,
    port=settings.worker_port,
    # No prometheus_multiproc_dir: with it, livekit-agents 1.8.9 exports nothing (measured).
    prometheus_port=settings.worker_metrics_port or None,
    setup_fnc=setup,
    # LiveKit offers a room once. A worker that reports "full", or a load at or above the server's
    # target, leaves that room without an agent for good. This one does neither.
    load_fnc=report_load,
    load_threshold=math.inf,
    # Each room needs a process, and starting one takes time. With the SDK's default threshold, a
    # worker with one idle process refuses the second of two rooms that open at once
    # (livekit-agents 1.4 and later, measured).
    num_idle_processes=settings.worker_num_idle_processes,
    shutdown_process_timeout=settings.worker_shutdown_timeout,
    drain_timeout=settings.worker_drain_timeout,
)
drain.yield_after_each_job()
watch.keep_watch(server, settings)
names.keep_name(server, settings)
# Registers without a name, so LiveKit offers it every room.  # only automatic
# No request handler: the SDK's own accepts every job. One that returns without calling accept()
# refuses the job: "no answer was given inside the job_request_fnc".
server.rtc_session(
    entrypoint,
    agent_name=settings.livekit_agent_name,  # only explicit
)

if __name__ == "__main__":
    try:
        cli.run_app(server)
    except OSError as error:
        if "PortAudio" not in str(error):
            raise
        raise SystemExit("console needs PortAudio: apt install libportaudio2") from None
