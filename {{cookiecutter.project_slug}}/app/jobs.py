"""How a job joins its room and leaves it, so that exactly one living agent like it is there.

Two can be on their way into the same room: LiveKit does not look whether one is there already, and
several may look after a room in the same moment (app/rooms.py). The one that joined first stays.
"""

import asyncio
import logging
from collections.abc import Coroutine
from itertools import takewhile
from typing import Any

from livekit.agents import JobContext
from livekit.api import (
    ListParticipantsRequest,
    ListRoomsRequest,
    RoomParticipantIdentity,
    UpdateRoomMetadataRequest,
)
from livekit.rtc import Room, RpcError

from app import dispatch

logger = logging.getLogger("app.jobs")

# Seconds in which a living agent says that it is there. Over loopback it takes 3 ms (measured); but
# it is the living one that would be put out if this were too short.
ANSWER_TIMEOUT = 5
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
    running: set[asyncio.Task[Any]] = set()

    def run(work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        running.add(task)  # asyncio itself does not keep it alive
        task.add_done_callback(running.discard)

    async def leave_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            # The worker has died: without a word, this process would end, and livekit-server would
            # list the agent for another 20 seconds (measured).
            await job.room.disconnect()

    async def give_way() -> bool:
        """Ends the job if an agent like this one joined earlier, and is alive."""
        if not any(map(is_ours, job.room.remote_participants.values())):
            return False
        request = ListParticipantsRequest(room=job.room.name)
        participants = (await job.api.room.list_participants(request)).participants
        agents = sorted(filter(is_ours, participants), key=lambda p: (p.joined_at_ms, p.sid))
        me = job.room.local_participant.identity
        for earlier in takewhile(lambda agent: agent.identity != me, agents):
            if await answers(job.room, earlier.identity):
                logger.info("Another agent is in the room: this one leaves")
                job.shutdown("another agent is in the room")
                return True
            logger.warning("The agent that is in the room does not answer: it is put out")
            await job.api.room.remove_participant(
                RoomParticipantIdentity(room=job.room.name, identity=earlier.identity)
            )
        return False

    async def come_back() -> None:
        if not await give_way():
            await restore_metadata(job)

    def is_ours(participant: dispatch.Participant) -> bool:
        return dispatch.is_ours(
            participant,
            agent_name,  # only explicit
        )

    @job.room.on("participant_connected")
    def on_participant(participant: dispatch.Participant) -> None:
        if is_ours(participant):
            run(give_way())

    @job.room.on("reconnected")
    def on_reconnected() -> None:
        run(come_back())

    await job.connect()
    run(leave_at_the_end())
    return not await give_way()


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
