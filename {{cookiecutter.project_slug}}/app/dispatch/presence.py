"""How a job joins and leaves its room, so that exactly one live agent of its name stays there.

Two agents may join the same room: LiveKit does not check whether one is present, and several
processes may check a room at the same moment (rooms.py). The agent that joined first stays.
"""

import asyncio
import logging
from contextlib import suppress
from functools import cached_property
from itertools import takewhile

from livekit import api, rtc
from livekit.agents import JobContext
from livekit.agents.utils.aio import TaskSet

from app.dispatch import names, policy, proxy
from app.dispatch.server import API_ERRORS, LiveKitServer
from app.settings import Settings

logger = logging.getLogger("app.dispatch.presence")

# Over loopback, an agent answers in 3 ms (measured). A short timeout would remove live agents.
ANSWER_TIMEOUT_SECONDS = 5
# A server that has lost a neighbour may not answer for a while. Without a second try, two agents
# stayed in a room of a fleet for minutes (measured).
TRY_AGAIN_SECONDS = 5
# Delays before the attempts to find a room that is not listed: another region may list it late.
LISTING_DELAYS_SECONDS = (0, 0.5, 1.5)
# How long an agent waits in a room without people, whatever the room's timeout. LiveKit keeps a
# room for 20 seconds by default. A person who joins later gets another agent.
ALONE_SECONDS: float = 60
Code = rtc.RpcError.ErrorCode
NO_ANSWER = (Code.CONNECTION_TIMEOUT, Code.RECIPIENT_NOT_FOUND, Code.RECIPIENT_DISCONNECTED)


async def join(job: JobContext, settings: Settings) -> bool:
    """Join the room of `job` until the job ends, and return whether this agent stays."""
    proxy.prepare_job(job._info.url)
    job.log_context_fields |= {"room": job.job.room.name, "job_id": job.job.id}
    return await Presence(job, settings).begin()


class Presence:
    """The agent of `job` in its room."""

    def __init__(self, job: JobContext, settings: Settings) -> None:
        self._job = job
        self._is_replaceable = settings.dispatch_ensure
        self._name = names.name_for(job.job)
        self._room_name = job.job.room.name
        self._is_real = job.job.id.startswith("AJ_")  # not a job of `console`, which has no server
        self._tasks = TaskSet()
        self._one_by_one = asyncio.Lock()
        self._is_leaving = False
        self._alone: asyncio.TimerHandle | None = None

    @cached_property
    def _server(self) -> LiveKitServer:
        return LiveKitServer(self._job.api)  # not for a job of `console`

    async def begin(self) -> bool:
        room = self._job.room
        if policy.opts_out(self._name, self._job.job.room.metadata):
            return self._leave("the room's metadata says require_agent: false")
        # Joining would reopen a room that has closed in the meantime.
        if self._is_real and await self._has_closed():
            return self._leave("the room has closed")
        room.on("participant_connected", self._on_connected)
        room.on("participant_disconnected", self._on_disconnected)
        room.on("reconnected", lambda: self._tasks.create_task(self._come_back()))
        await self._job.connect()
        self._tasks.create_task(self._disconnect_if_cancelled())  # only 1.8
        if self._is_real and await self._has_been_replaced():
            await self._close_empty_room()
            return self._leave("the room has closed")
        self._watch_if_alone()
        return not await self._give_way()

    def _leave(self, reason: str) -> bool:
        """End the job, and return False: this agent does not stay."""
        self._is_leaving = True
        if self._alone:
            self._alone.cancel()
        logger.info("Leaving the room: %s", reason)
        self._job.shutdown(reason)
        return False

    # begin only 1.8
    async def _disconnect_if_cancelled(self) -> None:
        """Disconnect when the SDK cancels the tasks of this process, because the worker has died.

        Otherwise the process would exit without leaving, and livekit-server would list the agent
        for another 20 seconds (measured).
        """
        try:
            await asyncio.Event().wait()
        finally:
            await self._job.room.disconnect()

    # end only 1.8
    async def _open_room(self) -> api.Room | None:
        """Return the room as the server lists it now."""
        rooms = await self._server.rooms([self._room_name])
        return rooms[0] if rooms else None

    async def _has_closed(self) -> bool:
        """Whether the room of this job has closed. If the server does not answer, assume not."""
        try:
            for wait in LISTING_DELAYS_SECONDS:
                await asyncio.sleep(wait)
                if room := await self._open_room():
                    return room.sid != self._job.job.room.sid
        except API_ERRORS as error:
            logger.warning("Could not check whether the room is still open: %s", error)
            return False
        return True

    async def _has_been_replaced(self) -> bool:
        """Whether this agent has joined another room of the same name, perhaps by reopening it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await self._job.room.sid != self._job.job.room.sid
        except TimeoutError:  # a server may send the id after the join
            return False

    async def _close_empty_room(self) -> None:
        """Close the empty room that this agent reopened by joining.

        Otherwise the room stays open: its opening sends another agent, which opens it again (8 of 8
        rooms that were deleted as their agent joined, livekit-server 1.13.5, measured).
        """
        try:
            participants = await self._server.participants(self._room_name)
            room = await self._open_room()
            if room and not room.metadata and not any(map(is_company, participants)):
                await self._server.close_room(self._room_name)
        except API_ERRORS as error:
            logger.warning("Could not close the room: %s", error)

    def _on_connected(self, participant: policy.Participant) -> None:
        self._watch_if_alone()
        if policy.is_agent(participant, self._name):
            self._tasks.create_task(self._give_way())

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        self._watch_if_alone()
        if self._alone and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP:
            self._tasks.create_task(self._leave_after_call(participant.sid))

    async def _leave_after_call(self, caller: str) -> None:
        """Leave if the caller was the last: nobody returns to a call, as after a reload."""
        with suppress(*API_ERRORS):
            # The server announces people up to three seconds late (measured), but lists them.
            listed = await self._server.participants(self._room_name)
            if not any(is_company(other) and other.sid != caller for other in listed):
                self._leave("the caller hung up")

    def _watch_if_alone(self) -> None:
        """Leave after ALONE_SECONDS without company."""
        if not self._is_replaceable:
            return  # nothing would send another agent to a person who joins later
        if any(map(is_company, self._job.room.remote_participants.values())):
            if self._alone:
                self._alone.cancel()
            self._alone = None
        elif not self._alone:
            loop = asyncio.get_running_loop()
            reason = f"the room was empty for {ALONE_SECONDS} s"
            self._alone = loop.call_later(ALONE_SECONDS, self._leave, reason)

    async def _come_back(self, wait: float = 0) -> None:
        """After a reconnect, give way to another agent, or restore the room on a new server.

        If the agent returns first, the room has no metadata (livekit-server 1.13.5, measured).
        """
        if await self._give_way(wait):
            return
        try:
            job, room = self._job.job, await self._open_room()
            if job.room.metadata and room and not room.metadata:
                await self._server.restore_metadata(self._room_name, job.room.metadata)
            # begin only explicit
            # Nor does it have a dispatch for our name. A new one brings an agent that gives way.
            dispatches = await self._server.dispatches(self._room_name)
            if not policy.dispatches_for(self._name, dispatches):
                request = api.CreateAgentDispatchRequest(
                    room=self._room_name, agent_name=self._name, metadata=job.metadata
                )
                await self._server.send_agent(request)
            # end only explicit
        except API_ERRORS as error:
            logger.warning("Could not restore the room: %s", error)
            self._tasks.create_task(self._come_back(TRY_AGAIN_SECONDS))

    async def _give_way(self, wait: float = 0) -> bool:
        """End the job if a live agent with the same name joined earlier."""
        await asyncio.sleep(wait)
        async with self._one_by_one:
            others = self._job.room.remote_participants.values()
            if not self._is_leaving and any(map(self._is_like_this, others)):
                try:
                    if await self._is_surplus():
                        self._leave("another agent is in the room")
                except API_ERRORS as error:
                    logger.warning("Could not check who else is in the room: %s", error)
                    self._tasks.create_task(self._give_way(TRY_AGAIN_SECONDS))
        return self._is_leaving

    async def _is_surplus(self) -> bool:
        room = self._job.room
        me = room.local_participant.identity
        listed = await self._server.participants(self._room_name)
        present = [p for p in listed if p.identity in {me, *room.remote_participants}]
        agents = sorted(filter(self._is_like_this, present), key=lambda p: (p.joined_at_ms, p.sid))
        for earlier in takewhile(lambda agent: agent.identity != me, agents):
            if await is_alive(room, earlier.identity):
                return True
            logger.warning("The other agent in the room does not answer: removing it")
            await self._server.remove(self._room_name, earlier.identity)
        return False

    def _is_like_this(self, participant: policy.Participant) -> bool:
        return policy.is_agent(participant, self._name)


def is_company(participant: policy.Participant) -> bool:
    """Whether an agent stays for this participant: a person or a stream, not a recorder."""
    return participant.kind not in (policy.Kind.AGENT, policy.Kind.EGRESS)


async def is_alive(room: rtc.Room, identity: str) -> bool:
    """Whether the participant's process answers. The server may list a dead one for 20 seconds."""
    try:
        # No agent registers this method: "unsupported method" is the proof of life we need.
        await room.local_participant.perform_rpc(
            destination_identity=identity,
            method="are-you-there",
            payload="",
            max_round_trip_latency=ANSWER_TIMEOUT_SECONDS,
        )
    except rtc.RpcError as error:
        return error.code not in NO_ANSWER
    return True
