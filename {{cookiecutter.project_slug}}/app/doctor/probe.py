"""Join a new room as a person would, and wait for the agent."""

import asyncio
import contextlib
import time
from functools import partial
from urllib.parse import urlsplit

from aiohttp import ClientSession
from livekit import rtc
from livekit.api import LiveKitAPI
from livekit.protocol.agent import JobStatus
from livekit.protocol.models import ServerInfo
from livekit.protocol.rtc import SignalResponse

from app.dispatch import names, policy, proxy
from app.dispatch.server import API_ERRORS, LiveKitServer
from app.doctor import worker
from app.doctor.finding import Finding, describe
from app.doctor.worker import Worker
from app.settings import Settings

problem = partial(Finding, "probe", "problem")

JOIN_SECONDS = 5
# After five seconds, the server lists which worker has taken the job (1.13.5, measured). Before
# that, a job that no worker took looks like one whose agent failed.
AGENT_SECONDS = 6.5
PENDING_AGENT_SECONDS = 2  # for an agent that is already on its way
FIRST_RELEASE_WITH_NAMES = (1, 9, 2)  # of livekit-server: it reports an agent's name
READ_LOG = "livekit-doctor --log worker.log"


async def check(
    settings: Settings,
    livekit: LiveKitAPI,
    room: str,
    url: str,
    token: str,
    local_worker: Worker | None,
) -> Finding:
    """Join `room`, wait for the agent, and delete the room again.

    Args:
        room: a room that nobody else uses.
        url: where to connect.
        token: the token for the room.
        local_worker: the worker on this machine, if it answered.

    Raises:
        TwirpError, ClientError, TimeoutError: the server has stopped answering.
    """
    server = LiveKitServer(livekit)
    person = rtc.Room()
    changed = asyncio.Event()
    for event in ("participant_connected", "participant_attributes_changed"):
        person.on(event, lambda *_: changed.set())
    began = time.perf_counter()
    joining = asyncio.ensure_future(person.connect(url, token))
    try:
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await asyncio.shield(joining)
        except (rtc.ConnectError, TimeoutError):
            return problem(
                "cannot-join",
                f"A person cannot join a room at {url} within {JOIN_SECONDS} s.",
                "LiveKit does not answer there, or audio and video are blocked.",
                "Correct LIVEKIT_URL of the token backend, or open the server's ports for WebRTC: "
                "rtc.tcp_port and rtc.udp_port in livekit.yaml",
            )
        joined = time.perf_counter()
        try:
            async with asyncio.timeout(AGENT_SECONDS):
                await wait_for_agent(person, changed, settings)
        except TimeoutError:
            if not await server.rooms([room]):
                return problem(
                    "backend-elsewhere",
                    f"The token backend sends people to {url}, where no agent joins.",
                    f"It is not the server at {settings.livekit_url}, where the worker is.",
                    "Give both programs the same LIVEKIT_URL, key and secret.",
                )
            return await explain_missing_agent(settings, server, room, local_worker)
        agent_joined = time.perf_counter()
        jobs = await jobs_of_worker(settings)
        info = await server_info(url, token)
        agents = agents_in(person)
    except asyncio.CancelledError:
        # Ctrl-C. A pending join, or a pending agent, would open the room again.
        await asyncio.wait([joining], timeout=JOIN_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PENDING_AGENT_SECONDS):
                await wait_for_agent(person, changed, settings)
        raise
    finally:
        await person.disconnect()
        with contextlib.suppress(*API_ERRORS):
            await server.close_room(room)
    release = tuple(int(part) for part in info.version.split(".")[:3] if part.isdigit())
    if release < FIRST_RELEASE_WITH_NAMES:
        return problem(
            "old-server",
            f"The agent joined, but livekit-server {info.version} does not report the names of "
            "agents.",
            "This project cannot tell whether its agent is missing from a room.",
            "Upgrade to livekit-server 1.9.2 or later.",
        )
    seen = f"A person joined a new room after {joined - began:.2f} s and saw the agent "
    seen += f"{agent_joined - joined:.2f} s later (livekit-server {info.version})."
    if len(agents) > 1:
        return Finding(
            "probe",
            "warning",
            "room-of-several",
            f"A person in a new room met {len(agents)} agents: {describe(agents)}.",
            "They all answer. Another project's worker or backend uses this server, too.",
            "Give each project its own server, LiveKit Cloud project or agent name.",
        )
    if local_worker and jobs is not None and jobs <= local_worker.jobs:
        seen += " Another worker sent it, not the one on this machine: another one of this "
        seen += "project, or of another project with the same server and key."
    return Finding("probe", "ok", "", seen)


async def jobs_of_worker(settings: Settings) -> int | None:
    """Return how many jobs the worker on this machine has, if it answers."""
    try:
        after = await worker.worker_at(worker.url_of(settings))
    except (TimeoutError, *worker.NOT_A_WORKER):
        return None
    return after.jobs if after else None


def agents_in(person: rtc.Room) -> list[str]:
    """Return the names of the agents in a person's room, avatars aside."""
    names = [p.attributes.get("lk.agent_name", "") for p in person.remote_participants.values()]
    return sorted(
        name
        for name, participant in zip(names, person.remote_participants.values(), strict=True)
        if policy.is_agent(participant, name)
    )


async def wait_for_agent(person: rtc.Room, changed: asyncio.Event, settings: Settings) -> None:
    name = names.our_name(settings)
    while not any(policy.is_agent(p, name) for p in person.remote_participants.values()):
        changed.clear()
        await changed.wait()


async def server_info(url: str, token: str) -> ServerInfo:
    """Return what the server reports about itself to everyone who joins."""
    parameters = {"access_token": token, "protocol": "15"}
    async with (
        ClientSession(proxy=proxy.for_worker(url)) as http,
        http.ws_connect(f"{url.rstrip('/')}/rtc", params=parameters) as signals,
    ):
        message = await signals.receive_bytes(timeout=JOIN_SECONDS)
        return SignalResponse.FromString(message).join.server_info


async def explain_missing_agent(
    settings: Settings, server: LiveKitServer, room: str, local_worker: Worker | None
) -> Finding:
    dispatches = policy.dispatches_for(names.our_name(settings), await server.dispatches(room))
    jobs = [job.state for dispatch in dispatches for job in dispatch.state.jobs]
    seen = f"No agent joined a person in a new room within {AGENT_SECONDS} s."
    # A rejected job counts as done, with no participant.
    if any(j.status == JobStatus.JS_SUCCESS and not j.participant_identity for j in jobs):
        return problem(
            "rejecting-handler",
            seen,
            "A worker refused the job: its request handler called reject().",
            "Remove the request handler (on_request, request_fnc): without one, every job is "
            "accepted.",
        )
    if jobs:
        return problem(
            "failing-agent",
            seen,
            "A worker took the job, but its agent did not join, or left at once.",
            "Is there an exception in prewarm or entrypoint? The worker's log says more",
            READ_LOG,
        )
    if not dispatches:
        return problem(
            "nobody-asked",
            seen,
            "The room did not ask for this project's agent.",
            "Open it with a token from this project's POST /token.",
        )
    load = local_worker.load if local_worker else None
    if load is not None and is_full(load, settings):
        return problem(
            "full-worker",
            f"{seen} The worker on this machine reports a load of {load:.2f}.",
            f"LiveKit passes over a worker that reports {policy.TARGET_LOAD} or more (unless the "
            "server has another agents.target_load).",
            "Keep load_fnc=report_load in app/agent.py, or start a worker on another machine.",
        )
    return problem(
        "job-not-taken",
        seen,
        "No worker took the job. Either none is registered with this server (it may use another "
        "LIVEKIT_URL or key, or be shutting down), or its request handler does not call accept() "
        f"within 3 s, or it reports a load of {policy.TARGET_LOAD} or more.",
        "Compare the worker's settings with these, and remove any request handler (on_request, "
        "request_fnc). The worker's log says more",
        READ_LOG,
    )


def is_full(load: float, settings: Settings) -> bool:
    """Whether LiveKit passes over a worker with this load, whatever the server's settings.

    A server for development may have a higher target, but no target admits a load of 1.
    """
    is_development = urlsplit(settings.livekit_url).hostname in ("127.0.0.1", "localhost", "::1")
    return load >= (1 if is_development else policy.TARGET_LOAD)
