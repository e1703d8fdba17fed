"""The calls of the LiveKit server's API that dispatch needs."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from livekit.api import (
    CreateAgentDispatchRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    RoomParticipantIdentity,
    TwirpError,
    UpdateParticipantRequest,
)
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import ParticipantInfo, Room

from app.dispatch import names, proxy
from app.settings import Settings

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 10


class Server:
    """A client of the LiveKit server in the settings, between `open` and `close`.

    Every method raises TwirpError, aiohttp.ClientError or TimeoutError if its call fails.
    """

    _api: LiveKitAPI

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def open(self) -> None:
        self._api = proxy.livekit_api(self._settings)

    async def close(self) -> None:
        await self._api.aclose()

    async def rooms(self, names: Iterable[str] = ()) -> list[Room]:
        """Return the open rooms, or those of them in `names`."""
        answer = await ask(self._api.room.list_rooms(ListRoomsRequest(names=names)))
        return list(answer.rooms)

    async def participants(self, room: str) -> list[ParticipantInfo]:
        answer = await ask(self._api.room.list_participants(ListParticipantsRequest(room=room)))
        return list(answer.participants)

    async def dispatches(self, room: str) -> list[AgentDispatch]:
        return await ask(self._api.agent_dispatch.list_dispatch(room))

    async def is_connected(self, room: str, identity: str) -> bool:
        """Whether a participant is alive, not merely still listed.

        After a crash, a livekit-server with Redis still lists its participants (1.13.5, measured),
        but cannot update them.
        """
        no_change = UpdateParticipantRequest(room=room, identity=identity)
        try:
            await ask(self._api.room.update_participant(no_change))
        except TwirpError as error:
            if error.status in (404, 503):
                return False
            raise
        return True

    async def send_agent(self, room: str, options: names.JobOptions) -> None:
        """Dispatch our agent to an open room. (A closed one would be opened.)"""
        request = CreateAgentDispatchRequest(
            room=room,
            agent_name=names.our_name(self._settings),  # only explicit
            **options,
        )
        await ask(self._api.agent_dispatch.create_dispatch(request))

    async def remove(self, room: str, identity: str) -> None:
        """Remove a participant that is still listed in a room."""
        participant = RoomParticipantIdentity(room=room, identity=identity)
        await ask(self._api.room.remove_participant(participant))


async def ask(answer: Awaitable[Answer]) -> Answer:
    """Wait for an answer of LiveKit's API, for at most TIMEOUT_SECONDS.

    The timeout of livekit-api 1.2.2 has no effect with aiohttp 3.14 (measured).
    """
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return await answer
