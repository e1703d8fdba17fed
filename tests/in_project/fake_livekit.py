"""A fake of the part of LiveKit's API that app/dispatch/server.py calls."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from aiohttp import web
from google.protobuf.message import Message
from livekit.api import (
    AgentDispatch,
    AgentDispatchState,
    CreateAgentDispatchRequest,
    ListAgentDispatchRequest,
    ListAgentDispatchResponse,
    ListParticipantsRequest,
    ListParticipantsResponse,
    ListRoomsRequest,
    ListRoomsResponse,
    ParticipantInfo,
    UpdateParticipantRequest,
)
from livekit.protocol.models import Room

from app.dispatch.names import JOB_OPTIONS
from app.dispatch.rooms import Rooms
from app.settings import load_settings

NAME = ""  # only automatic
NAME = "concierge"  # only explicit


PERSON = ParticipantInfo(identity="ann")
CALLER = ParticipantInfo(identity="sip_+15550100", kind=ParticipantInfo.Kind.SIP)


def agent(name: str = NAME, **attributes: str) -> ParticipantInfo:
    return ParticipantInfo(
        identity="agent-AJ_1",
        kind=ParticipantInfo.Kind.AGENT,
        attributes={"lk.agent_name": name} | attributes,
    )


AVATAR = agent(**{"lk.publish_on_behalf": "agent-AJ_1"})


class FakeRoom:
    """A room that was opened an hour ago.

    Attributes:
        asked_for: the agents dispatched when it opened.
        sent: the agents dispatched later.
    """

    def __init__(
        self,
        name: str,
        *participants: ParticipantInfo,
        metadata: str = "",
        asked_for: Iterable[str] = (NAME,),
    ) -> None:
        self.room = Room(
            name=name,
            metadata=metadata,
            creation_time=int(time.time()) - 3600,
            num_participants=sum(p.kind != ParticipantInfo.Kind.AGENT for p in participants),
        )
        self.participants = participants
        self.dispatches: list[AgentDispatch] = []
        for agent_name in asked_for:
            self.dispatch(agent_name, at=self.room.creation_time)

    @property
    def sent(self) -> list[str]:
        return [d.agent_name for d in self.dispatches if self._is_later(d)]

    def _is_later(self, dispatch: AgentDispatch) -> bool:
        return dispatch.state.created_at > self.room.creation_time * 1e9

    def dispatch(self, agent_name: str, at: float, **options: Any) -> None:
        state = AgentDispatchState(created_at=int(at * 1e9))
        self.dispatches.append(AgentDispatch(agent_name=agent_name, state=state, **options))


class FakeLiveKit:
    """Answers like livekit-server, and counts the calls.

    Attributes:
        calls: how often each method of the API was called.
        listed: the rooms whose participants were listed.
        hanging: methods that never answer.
        gone: the identities of participants that are only listed.
    """

    def __init__(self, *rooms: FakeRoom) -> None:
        self.rooms = {room.room.name: room for room in rooms}
        self.calls: Counter[str] = Counter()
        self.listed: list[str] = []
        self.hanging: set[str] = set()
        self.gone: set[str] = set()
        self._changed = asyncio.Event()
        application = web.Application()
        application.router.add_post("/twirp/{service}/{method}", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)

    async def __aenter__(self) -> "FakeLiveKit":
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def called(self, method: str, times: int = 1) -> None:
        """Wait until `method` has been called this many `times`."""
        async with asyncio.timeout(10):
            while self.calls[method] < times:
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.calls[method] += 1
        self._changed.set()
        if method in self.hanging:
            await asyncio.Event().wait()
        try:
            answer: Message = getattr(self, f"_{method}")(await request.read())
        except LookupError as error:
            problem = {"code": "unavailable", "msg": f"no response from servers: {error}"}
            return web.json_response(problem, status=503)
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    def _ListRooms(self, body: bytes) -> Message:
        names: Iterable[str] = ListRoomsRequest.FromString(body).names or self.rooms
        return ListRoomsResponse(rooms=[self.rooms[n].room for n in names if n in self.rooms])

    def _ListParticipants(self, body: bytes) -> Message:
        name = ListParticipantsRequest.FromString(body).room
        self.listed.append(name)
        return ListParticipantsResponse(participants=self.rooms[name].participants)

    def _UpdateParticipant(self, body: bytes) -> Message:
        request = UpdateParticipantRequest.FromString(body)
        if request.identity in self.gone:
            raise LookupError(request.identity)
        return ParticipantInfo(identity=request.identity)

    def _ListDispatch(self, body: bytes) -> Message:
        room = self.rooms[ListAgentDispatchRequest.FromString(body).room]
        return ListAgentDispatchResponse(agent_dispatches=room.dispatches)

    def _CreateDispatch(self, body: bytes) -> Message:
        request = CreateAgentDispatchRequest.FromString(body)
        room = self.rooms[request.room]
        options = {name: getattr(request, name) for name in JOB_OPTIONS}
        room.dispatch(request.agent_name, time.time(), **options)
        return room.dispatches[-1]


def rooms_of(livekit: FakeLiveKit, **changes: Any) -> Rooms:
    changes |= {"livekit_url": livekit.url, "dispatch_ensure": True}
    return Rooms(load_settings().model_copy(update=changes))
