"""Of several agents in a room, exactly one stays, and it is alive."""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from livekit.api import (
    AccessToken,
    CreateAgentDispatchRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    TwirpError,
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


async def test_later_agents_leave_without_speaking(livekit: LiveKit, backend: str) -> None:
    person = await Person.with_token_from(backend, room_name="popular")
    first = await person.meets_agent()
    both = {person.room.local_participant.identity, first.identity}
    ever_listed: set[str] = set()
    async with livekit.api() as api, asyncio.timeout(TIMEOUT):
        for _ in range(3):
            await send_agent(api, "popular")
        listed: set[str] = set()
        while len(ever_listed) < 5 or listed != both:
            request = ListParticipantsRequest(room="popular")
            participants = (await api.room.list_participants(request)).participants
            listed = {participant.identity for participant in participants}
            ever_listed |= listed
    assert await answers_to(person) == 1
    assert len(person.heard) == 3  # one greeting, two answers
    await person.leave()


async def test_a_late_agent_keeps_no_empty_room_open(livekit: LiveKit, backend: str) -> None:
    person = await Person.with_token_from(backend, room_name="left")
    await person.meets_agent()
    await person.leave()
    async with livekit.api() as api, asyncio.timeout(TIMEOUT):
        await send_agent(api, "left")
        while (await api.room.list_rooms(ListRoomsRequest(names=["left"]))).rooms:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("conversations", [2, 12])  # of twelve, some end in the same millisecond
async def test_a_stopping_worker_waits_for_each_of_its_conversations(conversations: int) -> None:
    livekit = LiveKit()
    with livekit.running(), livekit.backend() as backend, livekit.worker() as worker:
        people = [await Person.with_token_from(backend) for _ in range(conversations)]
        await asyncio.gather(*(person.meets_agent() for person in people))
        first, *others = people
        worker.terminate()
        await first.leave()
        async with livekit.api() as api:
            await wait_for_rooms(api, len(others))
            for person in others:
                await person.says("Are you still there?")
                await person.hears("Are you still there?")
            # The worker learns at the same moment that all of their jobs have ended.
            processes = psutil.Process(worker.pid).children(recursive=True)
            worker.send_signal(signal.SIGSTOP)
            await asyncio.gather(*(person.leave() for person in others))
            async with asyncio.timeout(TIMEOUT):
                while sum(p.is_running() for p in processes) > len(processes) - len(others):
                    await asyncio.sleep(POLL_SECONDS)
            worker.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(worker.wait, TIMEOUT) == 0


async def wait_for_rooms(api: LiveKitAPI, count: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while len((await api.room.list_rooms(ListRoomsRequest())).rooms) != count:
            await asyncio.sleep(POLL_SECONDS)


async def test_an_agent_does_not_leave_for_a_dead_one(tmp_path: Path) -> None:
    async with world(tmp_path) as scenario:
        first = await served_by_the_first_of_two(scenario)
        os.killpg(first.pid, signal.SIGKILL)
        assert await scenario.agents() == list(scenario.lost)  # the server still lists it
        await send_agent(scenario.api, "room")
        scenario.since = time.perf_counter()
        assert (await scenario.outcome(15)).is_good  # the server would remove it after 20


async def test_a_later_agent_leaves_even_if_the_server_did_not_answer_at_first(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as scenario:
        backend, _ = await asyncio.gather(scenario.backend(), scenario.worker())
        await scenario.join(backend)
        person = scenario.people["room"]
        await person.meets_agent()
        (tmp_path / "no-list").touch()
        await send_agent(scenario.api, "room")
        async with asyncio.timeout(TIMEOUT):
            while len(await scenario.agents()) < 2:
                await asyncio.sleep(POLL_SECONDS)
        (tmp_path / "no-list").unlink()
        await person.is_with_one_agent()
        assert await answers_to(person) == 1


async def test_an_agent_leaves_an_empty_room_despite_a_long_departure_timeout(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as scenario:
        backend, _ = await asyncio.gather(scenario.backend(), scenario.worker(ALONE_SECONDS="1"))
        timeout = {"departure_timeout": 3600}
        person = await Person.with_token_from(backend, room_name="room", room_config=timeout)
        await scenario.lose_agent()
        await person.leave()
        await scenario.agent_has_gone()
        assert [room.name for room in await scenario.rooms()] == ["room"]
        await scenario.join(backend)
        assert (await scenario.outcome(15)).is_good


async def test_a_restarted_server_learns_again_that_a_room_is_ours(tmp_path: Path) -> None:
    async with world(tmp_path) as scenario:
        await asyncio.gather(scenario.backend(), scenario.worker())
        await scenario.join_with(scenario.foreign_token())
        agent = await scenario.lose_agent()
        (tmp_path / "no-rooms").touch()  # so the agent has to ask again
        noticed = asyncio.Event()
        scenario.people["room"].room.on("reconnecting", noticed.set)
        scenario.server.kill()
        scenario.server.wait()
        await noticed.wait()
        await scenario.people.pop("room").leave()  # so that the agent returns first
        scenario.stack.enter_context(scenario.livekit.running())
        async with asyncio.timeout(TIMEOUT):
            while not await is_known_as_ours(scenario.api, "room"):
                await asyncio.sleep(POLL_SECONDS)
        assert not (tmp_path / "no-rooms").exists()
        token = AccessToken(scenario.livekit.key, scenario.livekit.secret).with_identity("ann")
        token.with_grants(VideoGrants(room_join=True, room="room"))  # it asks for no agent
        await scenario.join_with(token)
        await scenario.remove(agent)
        assert (await scenario.outcome(15)).is_good


async def is_known_as_ours(api: LiveKitAPI, room: str) -> bool:
    try:
        dispatches = await api.agent_dispatch.list_dispatch(room)
    except TwirpError:  # nobody has returned yet, so the room is not open
        return False
    return bool(dispatches) and is_our_room(our_name(load_settings()), dispatches)
