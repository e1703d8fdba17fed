"""An agent that is not wanted in its room does not open it again, and does not keep coming."""

import asyncio
import time
from pathlib import Path

from livekit.api import DeleteRoomRequest

from tests.e2e.world import POLL_SECONDS, World, world

ROOMS = 20
SPREAD_SECONDS = 0.5  # over loopback, an agent takes less to join
QUIET_SECONDS = 5
WATCHED_SECONDS = 5.3  # in which eleven agents came, before the back-off counted from the first try
AT_ONCE = 3


async def test_a_room_that_is_deleted_while_its_agent_joins_stays_closed(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        backend, _ = await asyncio.gather(here.backend(), here.worker())
        for n in range(ROOMS):
            name = f"room {n}"
            await here.join(backend, name)
            await asyncio.sleep(SPREAD_SECONDS * n / ROOMS)  # LiveKit asks, assigns, admits
            await here.api.room.delete_room(DeleteRoomRequest(room=name))
        async with asyncio.timeout(60):
            await are_closed_for(QUIET_SECONDS, here)


async def are_closed_for(seconds: float, here: World) -> None:
    """Wait until no room has been open for so many seconds on end."""
    closed_since = time.perf_counter()
    while time.perf_counter() - closed_since < seconds:
        if await here.rooms():
            closed_since = time.perf_counter()
        await asyncio.sleep(POLL_SECONDS)


async def test_an_agent_that_is_always_removed_comes_ever_more_slowly(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        backend, _ = await asyncio.gather(here.backend(), here.worker())
        await here.join(backend)
        came: dict[str, float] = {}
        since = time.perf_counter()
        async with asyncio.timeout(60):
            while len(came) < AT_ONCE or time.perf_counter() < since + WATCHED_SECONDS:
                for identity in await here.agents():
                    came.setdefault(identity, time.perf_counter() - since)
                    await here.remove(identity)
                await asyncio.sleep(POLL_SECONDS)
    in_time = [seconds for seconds in came.values() if seconds < WATCHED_SECONDS]
    print(f"{len(in_time)} agents came within {WATCHED_SECONDS} seconds")
    assert len(in_time) <= AT_ONCE + 1
