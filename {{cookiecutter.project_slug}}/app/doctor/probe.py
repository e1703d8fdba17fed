"""Join a new room as a person would, and wait for the agent."""

import asyncio
import contextlib
import time

from livekit import rtc
from livekit.api import JobStatus, LiveKitAPI

from app.dispatch import names, policy
from app.dispatch.server import API_ERRORS, LiveKitServer
from app.doctor import worker
from app.doctor.finding import Finding, found, ok
from app.doctor.rooms import agents_in, several
from app.doctor.worker import Worker
from app.settings import Settings

JOIN_SECONDS = 5
# After five seconds, the server lists which worker has taken the job (1.13.5, measured). Before
# that, a job that no worker took looks like one whose agent failed.
AGENT_SECONDS = 6.5


async def check(
    settings: Settings, livekit: LiveKitAPI, room: str, url: str, token: str, local: Worker | None
) -> Finding:
    """Join `room`, which nobody else uses, wait for the agent, and delete the room again."""
    server, name = LiveKitServer(livekit), names.our_name(settings)
    person, changed = rtc.Room(), asyncio.Event()
    for event in ("participant_connected", "participant_attributes_changed"):
        person.on(event, lambda *_: changed.set())
    try:
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await person.connect(url, token)
        except (rtc.ConnectError, TimeoutError):
            return found("probe", "cannot-join", url=url, seconds=JOIN_SECONDS)
        joined, others = time.perf_counter(), person.remote_participants
        try:
            async with asyncio.timeout(AGENT_SECONDS):
                while not any(policy.is_agent(other, name) for other in others.values()):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            if await server.rooms([room]):
                return await explain_missing_agent(settings, server, room, local)
            return found("probe", "backend-elsewhere", url=url, server=settings.livekit_url)
        seconds = time.perf_counter() - joined
        worker_now = await worker.worker_if_any(worker.url_of(settings))
        agents = agents_in(others.values())
    finally:
        await person.disconnect()
        with contextlib.suppress(*API_ERRORS):
            await server.close_room(room)
    if agents[1:]:
        return several("probe", "a new room", agents)
    seen = f"A person joined a new room and saw the agent {seconds:.2f} s later."
    if local and worker_now and worker_now.jobs <= local.jobs:
        seen += " Another worker sent it: of this project, or of one with its server and key."
    return ok("probe", seen)


async def explain_missing_agent(
    settings: Settings, server: LiveKitServer, room: str, local: Worker | None
) -> Finding:
    dispatches = policy.dispatches_for(names.our_name(settings), await server.dispatches(room))
    jobs = [job.state for dispatch in dispatches for job in dispatch.state.jobs]
    load = local.load if local else 0
    # A server for development may have a higher target, but none admits a load of 1.
    full_load = 1 if settings.is_local else policy.TARGET_LOAD
    # A rejected job counts as done, with no participant.
    if any(j.status == JobStatus.JS_SUCCESS and not j.participant_identity for j in jobs):
        cause = "rejecting-handler"
    elif jobs:
        cause = "failing-agent"
    elif load >= full_load:
        cause = "full-worker"
    else:
        cause = "job-not-taken"
    return found("probe", cause, seconds=AGENT_SECONDS, load=load, target=policy.TARGET_LOAD)
