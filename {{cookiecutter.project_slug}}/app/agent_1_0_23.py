"""The worker: takes each job that LiveKit gives it and brings the assistant into that room.

python -m app.agent dev                       in development
python -m app.agent start                     in production
python -m app.agent start --log-level DEBUG   to see each step of a job
"""

import asyncio
import contextlib
import functools
import math
import os

from livekit.agents import (
    AgentSession,
    CloseEvent,
    JobContext,
    JobProcess,
    Plugin,
    Worker,
    WorkerOptions,
    __version__,
    cli,
)
from livekit.agents.worker import _DefaultLoadCalc

from app import assistant, dispatch, jobs
from app.settings import load_settings
from app.watch import keep_watch

SETTLED = 0.3  # seconds

settings = load_settings()
repeating: dict[str, asyncio.Task[None]] = {}
dispatch.ignore_names(
    os.environ,
    settings.livekit_agent_name,  # only explicit
)


class Preload(Plugin):
    """A package that the processes of jobs share, instead of each of them loading it.

    Plugins are all that livekit-agents 1.0.23 loads beforehand. With its own package among them,
    fifty rooms that open at once had their agents after 11 seconds; without, not after 60 (two
    cores, measured).
    """


Plugin.register_plugin(Preload("livekit.agents", __version__, "livekit.agents"))


def prewarm(process: JobProcess) -> None:
    """Runs once in each process, before it gets a job: load here what no person should wait for.

    An assistant without models has nothing to load; a model would go into `process.userdata`.
    """


async def entrypoint(job: JobContext) -> None:
    """Runs once for each room, in a process of its own."""
    try:
        stays = await jobs.join(
            job,
            settings.livekit_agent_name,  # only explicit
        )
        if stays:
            session = await assistant.start(job)
            session.on("close", lambda event: on_close(job, event))
            session.on("agent_state_changed", lambda _: repeat_state(job, session))
    except Exception:
        # livekit-agents 1.0.23 itself would leave a mute agent in the room (measured).
        job.shutdown("the entrypoint has failed")
        raise


def on_close(job: JobContext, event: CloseEvent) -> None:
    """Lets an agent leave that nobody can speak with any more, so that another one comes."""
    if event.error:
        job.shutdown("the session has ended: error")


def repeat_state(job: JobContext, session: AgentSession[None]) -> None:
    """Tells the room once more what the agent does, as soon as that has not changed for a moment.

    The SDK does not wait for one state to arrive before it tells the next: of two that follow each
    other at once, the first may stay. After 18 of 80 sentences, an agent "spoke" on (measured).
    """

    async def repeat() -> None:
        await asyncio.sleep(SETTLED)
        if job.room.isconnected():
            state = session.agent_state
            await job.room.local_participant.set_attributes({"lk.agent.state": state})

    if waiting := repeating.pop(job.room.name, None):
        waiting.cancel()
    repeating[job.room.name] = asyncio.create_task(repeat())


@functools.cache
def begin_watch(worker: Worker) -> None:
    drain = worker.drain

    async def drain_and_go_on(timeout: int | None = None) -> None:
        # Else the SDK breaks off here, and waits for ever for the jobs that are left (measured).
        with contextlib.suppress(asyncio.TimeoutError):
            await drain(timeout)

    worker.drain = drain_and_go_on  # type: ignore[method-assign]
    worker._loop.call_soon_threadsafe(keep_watch, worker, settings)


def load(worker: Worker) -> float:
    """How busy this machine is, from 0 to 1. The SDK asks twice a second, in a thread.

    It is also the only one of the options that gets hold of the worker.
    """
    begin_watch(worker)
    return _DefaultLoadCalc.get_load(worker)


# Registers without a name, and that is what brings every room here.  # only automatic
# No request handler: the SDK's own accepts every job. One that ends without a call to accept()
# refuses the job: "no answer was given inside the job_request_fnc".
options = WorkerOptions(
    entrypoint_fnc=entrypoint,
    prewarm_fnc=prewarm,
    agent_name=settings.livekit_agent_name,  # only explicit
    ws_url=settings.livekit_url,
    api_key=settings.livekit_api_key,
    api_secret=settings.livekit_api_secret.get_secret_value(),
    host=settings.worker_host,
    port=settings.worker_port,
    load_fnc=load,
    # LiveKit offers a room once. A worker that says "full" leaves it without an agent for good, so
    # this one never does (the SDK warns of it as it starts). What stays is the server's own limit:
    # it passes over a worker whose load is 0.7 or more. Run another worker before that.
    load_threshold=math.inf,
    num_idle_processes=settings.worker_num_idle_processes,
    shutdown_process_timeout=settings.worker_shutdown_timeout,
    drain_timeout=settings.worker_drain_timeout,
)

if __name__ == "__main__":
    cli.run_app(options)
