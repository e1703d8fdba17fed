"""A live probe: a person joins a room that was made for it, and waits for the agent."""

import asyncio
import contextlib
import time
from functools import partial

from aiohttp import ClientError, ClientSession
from livekit import rtc
from livekit.api import DeleteRoomRequest, ListRoomsRequest, LiveKitAPI, TwirpError
from livekit.protocol.agent import JobStatus
from livekit.protocol.models import ServerInfo
from livekit.protocol.rtc import SignalResponse

from app.dispatch import names, policy, proxy
from app.doctor.finding import Finding
from app.doctor.worker import Worker
from app.doctor.worker import look as look_at_worker
from app.settings import Settings

problem = partial(Finding, "probe", "problem")

JOINING = 5  # seconds to join
# Seconds for the agent to come. After five, the server lists which worker has taken the job
# (1.13.5, measured), so that those who did not bring an agent can be told apart.
COMING = 6.5
UNDER_WAY = 2  # seconds that an agent needs that is sent
NAMED = (1, 9, 2)  # since this release, livekit-server says which name an agent has
LOG = "The worker's log says more: livekit-doctor --log worker.log"


async def look(
    settings: Settings,
    livekit: LiveKitAPI,
    room: str,
    ticket: tuple[str, str],
    worker: Worker | None,
) -> Finding:
    """Leaves nothing behind.

    Args:
        room: which the ticket opens; nobody else uses it.
        ticket: where a person is to connect, and the token for it.
        worker: the one on this machine, if it was seen.

    Raises:
        TwirpError, ClientError, TimeoutError: the server does not answer any more.
    """
    url, token = ticket
    person = rtc.Room()
    changed = asyncio.Event()
    for event in ("participant_connected", "participant_attributes_changed"):
        person.on(event, lambda *_: changed.set())
    began = time.perf_counter()
    joining = asyncio.ensure_future(person.connect(url, token))
    try:
        try:
            async with asyncio.timeout(JOINING):
                await asyncio.shield(joining)
        except (rtc.ConnectError, TimeoutError):
            return problem(
                "cannot-join",
                f"A person cannot join a room at {url} within {JOINING} s.",
                "LiveKit does not answer there, or the way for sound and picture is blocked.",
                "Correct LIVEKIT_URL of the token backend, or open the server's ports for WebRTC: "
                "rtc.tcp_port and rtc.udp_port in livekit.yaml",
            )
        joined = time.perf_counter()
        try:
            async with asyncio.timeout(COMING):
                await agent_of(person, changed, settings)
        except TimeoutError:
            rooms = (await livekit.room.list_rooms(ListRoomsRequest(names=[room]))).rooms
            if not rooms:
                return problem(
                    "backend-elsewhere",
                    f"The token backend sends people to {url}, where no agent comes.",
                    f"It is not the server at {settings.livekit_url}, where the worker is.",
                    "Give both programs the same LIVEKIT_URL, key and secret.",
                )
            return await why_nobody_came(settings, livekit, room, worker)
        came = time.perf_counter()
        _, after = await look_at_worker(settings)
        server = await server_info(url, token)
    except asyncio.CancelledError:
        # Ctrl-C. A join that is under way, or an agent that is, would open the room again.
        await asyncio.wait([joining], timeout=JOINING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNDER_WAY):
                await agent_of(person, changed, settings)
        raise
    finally:
        await person.disconnect()
        with contextlib.suppress(TwirpError, ClientError, TimeoutError):
            await livekit.room.delete_room(DeleteRoomRequest(room=room))
    if tuple(int(part) for part in server.version.split(".")[:3] if part.isdigit()) < NAMED:
        return problem(
            "old-server",
            f"The agent came, but livekit-server {server.version} does not say whose agents are in "
            "a room.",
            "Nobody can tell whether one of ours is missing.",
            "Take livekit-server 1.9.2 or later.",
        )
    seen = f"A person joined a new room after {joined - began:.2f} s and saw the agent "
    seen += f"{came - joined:.2f} s later (livekit-server {server.version})."
    if worker and after and after.jobs <= worker.jobs:
        seen += " Another worker sent it, not the one on this machine."
    return Finding("probe", "ok", "", seen)


async def agent_of(person: rtc.Room, changed: asyncio.Event, settings: Settings) -> None:
    """Waits until the agent is in the room."""
    name = names.our_name(settings)
    while not any(policy.is_agent(each, name) for each in person.remote_participants.values()):
        changed.clear()
        await changed.wait()


async def server_info(url: str, token: str) -> ServerInfo:
    """Which server it is, as it says to everybody who joins."""
    async with (
        ClientSession(proxy=proxy.for_worker(url)) as http,
        http.ws_connect(
            f"{url.rstrip('/')}/rtc", params={"access_token": token, "protocol": "15"}
        ) as signals,
    ):
        return SignalResponse.FromString(
            await signals.receive_bytes(timeout=JOINING)
        ).join.server_info


async def why_nobody_came(
    settings: Settings, livekit: LiveKitAPI, room: str, worker: Worker | None
) -> Finding:
    dispatches = policy.dispatches_for(
        names.our_name(settings), await livekit.agent_dispatch.list_dispatch(room)
    )
    jobs = [job.state for each in dispatches for job in each.state.jobs]
    seen = f"No agent came within {COMING} s to a person in a new room."
    # It counts as done, by nobody.
    if any(j.status == JobStatus.JS_SUCCESS and not j.participant_identity for j in jobs):
        return problem(
            "rejecting-handler",
            seen,
            "A worker refused the job: its request handler called reject().",
            "Take the request handler (on_request, request_fnc) away: without one, every job is "
            "accepted.",
        )
    if jobs:
        return problem(
            "failing-agent",
            seen,
            "A worker took the job, but its agent did not join, or left at once.",
            f"Is there an exception in prewarm or entrypoint? {LOG}",
        )
    load = worker.load if worker else 0
    if load is not None and load >= policy.TARGET_LOAD:
        return problem(
            "full-worker",
            f"{seen} The worker on this machine reports a load of {load:.2f}.",
            f"LiveKit passes over a worker that reports {policy.TARGET_LOAD} or more.",
            "Keep load_fnc=report_load in app/agent.py, or start a worker on another machine.",
        )
    if not dispatches:
        return problem(
            "nobody-asked",
            seen,
            "The room did not ask for this project's agent.",
            "Open it with a token of this project's POST /token.",
        )
    return problem(
        "job-not-taken",
        seen,
        "No worker took the job. Either none is registered with this server (it may run for "
        "another LIVEKIT_URL or key, or was told to stop), or its request handler does not call "
        "accept() within 3 s"
        + (f", or it reports a load of {policy.TARGET_LOAD} or more." if load is None else "."),
        "Compare the worker's settings with these, and take a request handler (on_request, "
        f"request_fnc) away. {LOG}",
    )
