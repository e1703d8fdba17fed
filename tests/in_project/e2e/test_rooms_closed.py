"""A closed room stays closed, and an agent that is removed again and again backs off."""

import asyncio
import time
from pathlib import Path

from livekit.api import DeleteRoomRequest

from tests.e2e.world import POLL_SECONDS, World, world

ROOMS = 20
SPREAD_SECONDS = 0.5  # over loopback, an agent joins faster than this
QUIET_SECONDS = 5
OBSERVED_SECONDS = 5.3  # eleven agents came before the back-off counted from the first try
AT_ONCE = 3


async def test_a_room_deleted_while_its_agent_joins_stays_closed(tmp_path: Path) -> None:
    async with world(tmp_path) as scenario:
        backend, _ = await asyncio.gather(scenario.backend(), scenario.worker())
        for n in range(ROOMS):
            name = f"room {n}"
            await scenario.join(backend, name)
            await asyncio.sleep(SPREAD_SECONDS * n / ROOMS)  # to hit every step of joining
            await scenario.api.room.delete_room(DeleteRoomRequest(room=name))
        async with asyncio.timeout(180):  # a job that is cut off tries again after 15 seconds
            await wait_until_closed_for(QUIET_SECONDS, scenario)


async def wait_until_closed_for(seconds: float, scenario: World) -> None:
    """Wait until no room has been open for `seconds` in a row."""
    closed_since = time.perf_counter()
    while time.perf_counter() - closed_since < seconds:
        if await scenario.rooms():
            closed_since = time.perf_counter()
        await asyncio.sleep(POLL_SECONDS)


async def test_an_agent_that_is_always_removed_backs_off(tmp_path: Path) -> None:
    async with world(tmp_path) as scenario:
        backend, _ = await asyncio.gather(scenario.backend(), scenario.worker())
        await scenario.join(backend)
        joined: dict[str, float] = {}
        since = time.perf_counter()
        async with asyncio.timeout(60):
            while len(joined) < AT_ONCE or time.perf_counter() < since + OBSERVED_SECONDS:
                for identity in await scenario.agents():
                    joined.setdefault(identity, time.perf_counter() - since)
                    await scenario.remove(identity)
                await asyncio.sleep(POLL_SECONDS)
    in_time = [seconds for seconds in joined.values() if seconds < OBSERVED_SECONDS]
    print(f"{len(in_time)} agents came within {OBSERVED_SECONDS} seconds")
    assert len(in_time) <= AT_ONCE + 1
