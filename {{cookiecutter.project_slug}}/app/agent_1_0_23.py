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

from livekit.agents import CloseEvent, JobContext, WorkerOptions, cli

from app import assistant
from app.conversation import transcripts
from app.dispatch import names, presence, proxy, watch, workarounds
from app.settings import load_settings

settings = load_settings()
names.ignore_names(os.environ, settings)


async def entrypoint(job: JobContext) -> None:
    """Start the assistant in one room. Each job runs this in its own process."""
    try:
        workarounds.leave_with_worker(job.room)
        if await presence.join(job, settings):
            session = await assistant.start(job)
            session.on("close", lambda event: on_close(job, event))
            transcripts.keep(job, session, settings)
            workarounds.repeat_state(job.room, session)
    except Exception:
        # Without this, livekit-agents 1.0.23 leaves a mute agent in the room (measured).
        job.shutdown("the entrypoint failed")
        raise


def on_close(job: JobContext, event: CloseEvent) -> None:
    """End the job once its session is dead, so that another agent can take over."""
    if event.error:
        job.shutdown("the session ended: error")


# Registers without a name, so LiveKit offers it every room.  # only automatic
# No request handler: the SDK's own accepts every job. One that returns without calling accept()
# refuses the job: "no answer was given inside the job_request_fnc".
options = WorkerOptions(
    entrypoint_fnc=entrypoint,
    prewarm_fnc=assistant.prewarm,
    agent_name=settings.livekit_agent_name,  # only explicit
    ws_url=settings.livekit_url,
    api_key=settings.livekit_api_key,
    api_secret=settings.livekit_api_secret.get_secret_value(),
    http_proxy=proxy.for_worker(settings.livekit_url),
    host=settings.worker_host,
    port=settings.worker_port,
    # LiveKit offers a room once. A worker that reports "full", or a load at or above the server's
    # target, leaves that room without an agent for good. This one does neither (the SDK
    # warns about the threshold as it starts).
    load_fnc=workarounds.Load(settings),
    load_threshold=math.inf,
    num_idle_processes=settings.worker_num_idle_processes,
    shutdown_process_timeout=settings.worker_shutdown_timeout,
    drain_timeout=settings.worker_drain_timeout,
)

if __name__ == "__main__":
    watch.exit_if_taken(settings)
    transcripts.exit_if_unwritable(settings.assistant_transcripts)
    cli.run_app(options)
