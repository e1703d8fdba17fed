"""The calls of the LiveKit server's API that dispatch needs."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from aiohttp import ClientError
from livekit import api

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 10
API_ERRORS = (api.TwirpError, ClientError, TimeoutError)


class LiveKitServer:
    """The LiveKit server. Every method raises one of API_ERRORS if its call fails."""

    def __init__(self, client: api.LiveKitAPI) -> None:
        self.client = client

    async def rooms(self, only: Iterable[str] = ()) -> list[api.Room]:
        """Return the open rooms, or those of them in `only`."""
        answer = await ask(self.client.room.list_rooms(api.ListRoomsRequest(names=only)))
        return list(answer.rooms)

    async def participants(self, room: str) -> list[api.ParticipantInfo]:
        request = api.ListParticipantsRequest(room=room)
        return list((await ask(self.client.room.list_participants(request))).participants)

    async def dispatches(self, room: str) -> list[api.AgentDispatch]:
        return await ask(self.client.agent_dispatch.list_dispatch(room))

    async def is_connected(self, room: str, identity: str) -> bool:
        """Whether a participant is alive, not merely still listed.

        After a crash, a livekit-server with Redis still lists its participants (1.13.5, measured),
        but cannot update them.
        """
        no_change = api.UpdateParticipantRequest(room=room, identity=identity)
        try:
            await ask(self.client.room.update_participant(no_change))
        except api.TwirpError as error:
            if error.status in (404, 503):
                return False
            raise
        return True

    async def send_agent(self, request: api.CreateAgentDispatchRequest) -> None:
        """Dispatch an agent to an open room. (A closed one would be opened.)"""
        await ask(self.client.agent_dispatch.create_dispatch(request))

    async def remove(self, room: str, identity: str) -> None:
        participant = api.RoomParticipantIdentity(room=room, identity=identity)
        await ask(self.client.room.remove_participant(participant))

    async def restore_metadata(self, room: str, metadata: str) -> None:
        request = api.UpdateRoomMetadataRequest(room=room, metadata=metadata)
        await ask(self.client.room.update_room_metadata(request))

    async def close_room(self, room: str) -> None:
        await ask(self.client.room.delete_room(api.DeleteRoomRequest(room=room)))


async def ask(answer: Awaitable[Answer]) -> Answer:
    """Wait for an answer of LiveKit's API, for at most TIMEOUT_SECONDS.

    The timeout of livekit-api 1.2.2 has no effect with aiohttp 3.14 (measured).
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await answer
    except TimeoutError:
        raise TimeoutError(f"no answer within {TIMEOUT_SECONDS} seconds") from None
