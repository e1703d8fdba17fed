"""Looks after the rooms: nobody stays without an agent in a room that is to have one.

The token backend looks when it has given a token, when LiveKit reports who comes and goes, and now
and then by itself; a worker looks as soon as it can take jobs, and where one of its jobs ended. It
does no harm that several look: the LiveKit server tells all of them the same, and an agent that
finds another one like itself in its room leaves again (app/jobs.py).
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Coroutine
from typing import NamedTuple, TypeVar

from aiohttp import ClientError
from livekit.api import (
    CreateAgentDispatchRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    RoomParticipantIdentity,
    TwirpError,
    UpdateParticipantRequest,
    UpdateRoomMetadataRequest,
)
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from app import dispatch, proxy
from app.metrics import AGENT_SECONDS, DISPATCHES
from app.settings import Settings

Answer = TypeVar("Answer")

logger = logging.getLogger("app.rooms")

TIMEOUT = 10  # seconds for the server to answer
AT_ONCE = 16  # rooms that are looked at in the same moment
SWEEP = 100  # rooms that a sweep looks at, so that a server with very many rooms is not kept busy
GATHER = 0.25  # seconds for which the rooms of new tokens are gathered, to ask for all in one call
SPREAD = 0.1  # seconds, so that of several that see the same one acts first
COUNTED = 10  # seconds; livekit-server's count of the persons in a room is up to five seconds old


class Look(NamedTuple):
    """One that is due: when, and for `dispatch.seconds_to_wait`."""

    timer: asyncio.TimerHandle
    spent: float


class Rooms:
    """Sends an agent into each room that is to have one, holds a person, and has none.

    Works within `async with`; before and afterwards it does nothing.
    """

    _livekit: LiveKitAPI

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_open = False
        self._running: set[asyncio.Task[None]] = set()
        self._looks: dict[str, Look] = {}
        self._expected: set[str] = set()
        self._job_metadata: dict[str, str] = {}  # only explicit
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._has_failed = False

    async def __aenter__(self) -> "Rooms":
        self._livekit = proxy.livekit_api(self._settings)
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        for look in self._looks.values():
            look.timer.cancel()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=TIMEOUT)
        await self._livekit.aclose()

    def expect(
        self,
        room: str,
        job_metadata: str,  # only explicit
    ) -> None:
        """Somebody with a new token is about to join `room`."""
        if not self._is_open:
            return
        if not self._expected:
            self._run(self._look_at_expected())
        self._expected.add(room)
        self._job_metadata[room] = job_metadata  # only explicit

    def hear(self, event: WebhookEvent) -> None:
        """Acts on what LiveKit reports."""
        room, participant = event.room, event.participant
        if not dispatch.requirement(room.metadata):
            return
        is_agent = dispatch.is_ours(
            participant,
            self._settings.livekit_agent_name,  # only explicit
        )
        if event.event == "participant_joined" and is_agent:
            age = participant.joined_at_ms - room.creation_time_ms
            AGENT_SECONDS.observe(age / 1000)
            if due := self._looks.pop(room.name, None):
                due.timer.cancel()
        elif event.event == "participant_left" and is_agent:
            self.look_at(room.name, 0, spent=participant.joined_at_ms / 1000)
        elif event.event in ("room_started", "participant_joined"):
            # The agent that LiveKit itself sends into a new room is given the time to come.
            age = event.created_at - room.creation_time
            self.look_at(room.name, max(0, dispatch.OFFERED - age))

    def look_at(self, room: str, after: float, spent: float = 0) -> None:
        """Looks whether an agent has to be sent into `room`, until there is one or nobody is there.

        Args:
            after: in how many seconds, at the latest.
            spent: as for `dispatch.seconds_to_wait`, by the clock of the LiveKit server.
        """
        if not self._is_open:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + after
        if due := self._looks.pop(room, None):
            due.timer.cancel()
            at, spent = min(at, due.timer.when()), max(spent, due.spent)

        def look() -> None:
            del self._looks[room]
            self._run(self._look_at(room, spent))

        self._looks[room] = Look(loop.call_at(at, look), spent)

    def look_at_all(self) -> None:
        """Looks at all rooms, because from now on a worker can take jobs."""
        # What was dispatched in the last second may be on its way to another worker. Before,
        # agents could not come, or did not stay: but this worker may be a repaired one.
        self._run(self._look_at_all(spent=time.time() - 1))

    def sweep(self) -> None:
        """Looks at some rooms now and then, from now on: not every webhook arrives."""

        async def sweep() -> None:
            while True:
                seconds = self._settings.dispatch_sweep_seconds
                await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311
                await self._tell(self._look_at_all(at_most=SWEEP))  # or one failure would end it

        self._run(sweep())

    def remove(self, room: str, identity: str) -> None:
        """Puts an agent whose process has ended out of `room`, if it is still listed there.

        livekit-server takes 20 seconds to find out by itself (measured).
        """

        async def remove() -> None:
            agent = RoomParticipantIdentity(room=room, identity=identity)
            await ask(self._livekit.room.remove_participant(agent))

        if self._is_open:
            self._run(remove())

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._tell(work))
        self._running.add(task)  # asyncio itself does not keep it alive
        task.add_done_callback(self._running.discard)

    async def _tell(self, work: Coroutine[None, None, None]) -> None:
        """Does `work`, or says once why LiveKit does not let it: there is a next look."""
        try:
            await work
        except TwirpError as error:
            if error.status != 404:  # there is nobody any more
                self._say(f"{error.message or error.code} (HTTP {error.status})")
            return
        except (ClientError, TimeoutError) as error:
            self._say(str(error) or f"no answer within {TIMEOUT} seconds")
            return
        except Exception as error:  # what answers is no LiveKit server
            self._say(repr(error))
            return
        self._has_failed = False

    def _say(self, reason: str) -> None:
        if not self._has_failed:
            logger.warning("Could not look after the rooms: %.300s", reason)
        self._has_failed = True

    async def _look_at_expected(self) -> None:
        await asyncio.sleep(GATHER)
        expected, self._expected = self._expected, set()
        job_metadata, self._job_metadata = self._job_metadata, {}  # only explicit
        # Who joins a room that is not listed opens it, and LiveKit sends an agent.
        answer = await ask(self._livekit.room.list_rooms(ListRoomsRequest(names=expected)))
        for room in answer.rooms:
            look = self._look_at_expected_room(
                room,
                job_metadata[room.name],  # only explicit
            )
            self._run(look)

    async def _look_at_expected_room(
        self,
        room: Room,
        job_metadata: str,  # only explicit
    ) -> None:
        if await self._is_to_have_agent(room):
            await self._look_at(
                room.name,
                is_expected=True,
                job_metadata=job_metadata,  # only explicit
            )

    async def _is_to_have_agent(self, room: Room) -> bool:
        """Whether the agent belongs into a room that somebody with one of our tokens will join.

        Marks it, if it was opened otherwise, so that it is looked after from now on.
        """
        required = dispatch.requirement(room.metadata)
        if required is not None:
            return required
        # begin only automatic
        dispatches = await ask(self._livekit.agent_dispatch.list_dispatch(room.name))
        if dispatch.are_for_others(dispatches):
            return False
        # end only automatic
        if metadata := dispatch.with_requirement(room.metadata):
            self._run(self._mark(room.name, metadata))
        return True

    async def _mark(self, room: str, metadata: str) -> None:
        request = UpdateRoomMetadataRequest(room=room, metadata=metadata)
        await ask(self._livekit.room.update_room_metadata(request))

    async def _look_at_all(self, spent: float = 0, at_most: int | None = None) -> None:
        now = time.time()
        rooms = [
            room.name
            for room in (await ask(self._livekit.room.list_rooms(ListRoomsRequest()))).rooms
            if dispatch.requirement(room.metadata)
            and (room.num_participants or room.creation_time > now - COUNTED)
        ]
        random.shuffle(rooms)
        for room in rooms[:at_most]:
            self._run(self._look_at(room, spent, anew=spent))

    async def _look_at(
        self,
        room: str,
        spent: float = 0,
        anew: float = 0,
        is_expected: bool = False,
        job_metadata: str = "",  # only explicit
    ) -> None:
        name = self._settings.livekit_agent_name  # only explicit
        async with self._slots:
            if not await self._lacks_agent(room, is_expected):
                return
            await asyncio.sleep(random.uniform(0, SPREAD))  # noqa: S311
            ours = dispatch.ours(
                await ask(self._livekit.agent_dispatch.list_dispatch(room)),
                name,  # only explicit
            )
            wait = dispatch.seconds_to_wait(ours, time.time(), spent, anew)
            if not wait:
                # begin only explicit
                if ours and not job_metadata:  # what the agent before it got
                    job_metadata = max(ours, key=lambda each: each.state.created_at).metadata
                # end only explicit
                logger.warning(
                    "No agent is in the room %.100r: asking for one (if none comes, "
                    "python -m app.doctor says why)",
                    room,
                    extra={"room": room},
                )
                request = CreateAgentDispatchRequest(
                    room=room,
                    agent_name=name,  # only explicit
                    metadata=job_metadata,  # only explicit
                )
                await ask(self._livekit.agent_dispatch.create_dispatch(request))
                DISPATCHES.inc()
                wait = dispatch.OFFERED
        self.look_at(room, wait, spent)

    async def _lacks_agent(self, room: str, is_expected: bool) -> bool:
        request = ListParticipantsRequest(room=room)
        participants = (await ask(self._livekit.room.list_participants(request))).participants
        if not (is_expected or any(map(dispatch.is_person, participants))):
            return False
        for participant in participants:
            is_agent = dispatch.is_ours(
                participant,
                self._settings.livekit_agent_name,  # only explicit
            )
            if is_agent and await self._is_there(room, participant):
                return False
        rooms = (await ask(self._livekit.room.list_rooms(ListRoomsRequest(names=[room])))).rooms
        required = dispatch.requirement(rooms[0].metadata) if rooms else False
        return is_expected if required is None else required

    async def _is_there(self, room: str, agent: ParticipantInfo) -> bool:
        """Whether a server has a connection to `agent`.

        After a crash, a livekit-server with a Redis goes on listing who was there (1.13.5,
        measured). But it cannot change anything about them.
        """
        no_change = UpdateParticipantRequest(room=room, identity=agent.identity)
        try:
            await ask(self._livekit.room.update_participant(no_change))
        except TwirpError as error:
            if error.status in (404, 503):
                return False
            raise
        return True


async def ask(answer: Awaitable[Answer]) -> Answer:
    """Waits for what LiveKit answers; its client itself would wait for ever.

    Raises:
        TimeoutError: there is no answer within TIMEOUT seconds.
    """
    async with asyncio.timeout(TIMEOUT):
        return await answer
