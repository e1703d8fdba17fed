"""Several agents are sent into the same room: one is there in the end, and it is alive."""

import asyncio
import os
import signal
import time
from pathlib import Path

from livekit.api import (
    AccessToken,
    CreateAgentDispatchRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    VideoGrants,
)

from app.dispatch.names import our_name
from app.dispatch.policy import is_our_room
from app.settings import load_settings
from tests.e2e.faults import served_by_the_first_of_two
from tests.e2e.person import TIMEOUT, Person
from tests.e2e.programs import LiveKit
from tests.e2e.world import POLL_SECONDS, answers_to, world


async def send_agent(api: LiveKitAPI, room: str) -> None:
    await api.agent_dispatch.create_dispatch(
        CreateAgentDispatchRequest(
            room=room,
            agent_name=our_name(load_settings()),  # only explicit
        )
    )


async def test_those_that_come_later_leave_without_a_word(livekit: LiveKit, backend: str) -> None:
    person = await Person.with_token_from(backend, room_name="popular")
    first = await person.meets_agent()
    both = {person.room.local_participant.identity, first.identity}
    seen: set[str] = set()
    async with livekit.api() as api, asyncio.timeout(TIMEOUT):
        for _ in range(3):
            await send_agent(api, "popular")
        listed: set[str] = set()
        while len(seen) < 5 or listed != both:
            request = ListParticipantsRequest(room="popular")
            participants = (await api.room.list_participants(request)).participants
            listed = {each.identity for each in participants}
            seen |= listed
    assert await answers_to(person) == 1
    assert len(person.heard) == 3  # one greeting, two answers
    await person.leave()


async def test_an_agent_that_comes_too_late_keeps_no_room_open(
    livekit: LiveKit, backend: str
) -> None:
    person = await Person.with_token_from(backend, room_name="left")
    await person.meets_agent()
    await person.leave()
    async with livekit.api() as api, asyncio.timeout(TIMEOUT):
        await send_agent(api, "left")
        while (await api.room.list_rooms(ListRoomsRequest(names=["left"]))).rooms:
            await asyncio.sleep(0.1)


async def test_it_does_not_leave_for_one_whose_process_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        first = await served_by_the_first_of_two(here)
        os.killpg(first.pid, signal.SIGKILL)
        assert await here.agents() == list(here.lost)  # the server has not noticed
        await send_agent(here.api, "room")
        here.since = time.perf_counter()
        assert (await here.outcome(15)).is_good  # it would notice after 20


async def test_it_does_not_stay_alone_whatever_timeout_the_room_has(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        backend, _ = await asyncio.gather(here.backend(), here.worker(ALONE_SECONDS="1"))
        timeout = {"departure_timeout": 3600}
        person = await Person.with_token_from(backend, room_name="room", room_config=timeout)
        await here.lose_agent()
        await person.leave()
        await here.agent_has_gone()
        assert [room.name for room in await here.rooms()] == ["room"]
        await here.join(backend)
        assert (await here.outcome(15)).is_good


async def test_it_tells_a_restarted_server_whose_room_it_is(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await asyncio.gather(here.backend(), here.worker())
        await here.join_with(here.foreign_token())
        agent = await here.lose_agent()
        noticed = asyncio.Event()
        here.people["room"].room.on("reconnecting", noticed.set)
        here.server.kill()
        here.server.wait()
        await noticed.wait()
        await here.people.pop("room").leave()  # so that the agent is the first to return
        here.stack.enter_context(here.livekit.running())
        async with asyncio.timeout(TIMEOUT):
            while not await is_known_as_ours(here.api, "room"):
                await asyncio.sleep(POLL_SECONDS)
        token = AccessToken(here.livekit.key, here.livekit.secret).with_identity("ann")
        token.with_grants(VideoGrants(room_join=True, room="room"))  # it asks for no agent
        await here.join_with(token)
        await here.remove(agent)
        assert (await here.outcome(15)).is_good


async def is_known_as_ours(api: LiveKitAPI, room: str) -> bool:
    dispatches = await api.agent_dispatch.list_dispatch(room)
    return bool(dispatches) and is_our_room(our_name(load_settings()), dispatches)
