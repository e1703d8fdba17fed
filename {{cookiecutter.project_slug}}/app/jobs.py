"""How a job joins its room and leaves it, so that exactly one living agent like it is there.

Two can be on their way into the same room: LiveKit does not look whether one is there already, and
several may look after a room in the same moment (app/rooms.py). The one that joined first stays.
"""

import asyncio
import logging
from collections.abc import Coroutine
from itertools import takewhile

from aiohttp import ClientError
from livekit.agents import JobContext
from livekit.api import (
    ListParticipantsRequest,
    ListRoomsRequest,
    RoomParticipantIdentity,
    TwirpError,
    UpdateRoomMetadataRequest,
)
from livekit.rtc import Room, RpcError

from app import dispatch, proxy

logger = logging.getLogger("app.jobs")

# Seconds in which a living agent says that it is there. Over loopback it takes 3 ms (measured); but
# it is the living one that would be put out if this were too short.
ANSWER_TIMEOUT = 5
API_TIMEOUT = 20  # seconds in which it is found out, and done, who stays
NO_ANSWER = (
    RpcError.ErrorCode.CONNECTION_TIMEOUT,
    RpcError.ErrorCode.RECIPIENT_NOT_FOUND,
    RpcError.ErrorCode.RECIPIENT_DISCONNECTED,
)


async def join(
    job: JobContext,
    agent_name: str,  # only explicit
) -> bool:
    """Joins the room of `job`, to leave it when the job ends, however it ends.

    Returns:
        Whether this agent is to stay. If not, the job is ending: it has nothing to do here.
    """
    proxy.prepare_job(job._info.url)
    job.log_context_fields |= {"room": job.job.room.name, "job_id": job.job.id}
    presence = Presence(
        job,
        agent_name,  # only explicit
    )
    return await presence.begin()


class Presence:
    """The agent of `job` in its room."""

    def __init__(
        self,
        job: JobContext,
        agent_name: str,  # only explicit
    ) -> None:
        self._job = job
        self._agent_name = agent_name  # only explicit
        self._running: set[asyncio.Task[object]] = set()
        self._one_by_one = asyncio.Lock()
        self._is_leaving = False

    async def begin(self) -> bool:
        self._job.room.on("participant_connected", self._on_participant)
        self._job.room.on("reconnected", lambda: self._run(self._come_back()))
        await self._job.connect()
        self._run(self._leave_at_the_end())  # only 1.8
        return not await self._give_way()

    def _run(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)  # asyncio itself does not keep it alive
        task.add_done_callback(self._running.discard)

    # begin only 1.8
    async def _leave_at_the_end(self) -> None:
        """Leaves when the SDK cancels what runs in this process, because the worker has died.

        Else the process would end without a word, and livekit-server list the agent for another 20
        seconds (measured).
        """
        try:
            await asyncio.Event().wait()
        finally:
            await self._job.room.disconnect()

    # end only 1.8
    def _on_participant(self, participant: dispatch.Participant) -> None:
        if self._is_ours(participant):
            self._run(self._give_way())

    async def _come_back(self) -> None:
        """After a broken connection, another agent may be here, or the server be a new one."""
        if not await self._give_way():
            try:
                async with asyncio.timeout(API_TIMEOUT):
                    await restore_metadata(self._job)
            except (TwirpError, ClientError, TimeoutError) as error:
                logger.warning("Could not look after the room's metadata: %s", error)

    async def _give_way(self) -> bool:
        """Ends the job if an agent like this one joined earlier, and is alive."""
        async with self._one_by_one:
            others = self._job.room.remote_participants.values()
            if not self._is_leaving and any(map(self._is_ours, others)):
                try:
                    async with asyncio.timeout(API_TIMEOUT):
                        self._is_leaving = await self._is_surplus()
                except (TwirpError, ClientError, TimeoutError) as error:
                    logger.warning("Could not see who else is in the room: %s", error)
                if self._is_leaving:
                    logger.info("Another agent is in the room: this one leaves")
                    self._job.shutdown("another agent is in the room")
        return self._is_leaving

    async def _is_surplus(self) -> bool:
        room, api = self._job.room, self._job.api.room
        answer = await api.list_participants(ListParticipantsRequest(room=room.name))
        me = room.local_participant.identity
        here = [p for p in answer.participants if p.identity in {me, *room.remote_participants}]
        agents = sorted(filter(self._is_ours, here), key=lambda p: (p.joined_at_ms, p.sid))
        for earlier in takewhile(lambda agent: agent.identity != me, agents):
            if await answers(room, earlier.identity):
                return True
            logger.warning("The agent that is in the room does not answer: it is put out")
            await api.remove_participant(
                RoomParticipantIdentity(room=room.name, identity=earlier.identity)
            )
        return False

    def _is_ours(self, participant: dispatch.Participant) -> bool:
        return dispatch.is_ours(
            participant,
            self._agent_name,  # only explicit
        )


async def answers(room: Room, identity: str) -> bool:
    """Whether a participant is there, or only still listed."""
    try:
        # Nobody knows this method. To say so is an answer, too.
        await room.local_participant.perform_rpc(
            destination_identity=identity,
            method="are-you-there",
            payload="",
            max_round_trip_latency=ANSWER_TIMEOUT,
        )
    except RpcError as error:
        return error.code not in NO_ANSWER
    return True


async def restore_metadata(job: JobContext) -> None:
    """Gives a room its metadata back.

    When a server starts anew and the agent is the first to return, the agent opens the room, and
    the room forgets that it is to have one (livekit-server 1.13.5, measured).
    """
    request = ListRoomsRequest(names=[job.room.name])
    rooms = (await job.api.room.list_rooms(request)).rooms
    if job.job.room.metadata and rooms and not rooms[0].metadata:
        await job.api.room.update_room_metadata(
            UpdateRoomMetadataRequest(room=job.room.name, metadata=job.job.room.metadata)
        )
