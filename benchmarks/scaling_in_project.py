"""The part of scaling.py that runs in a baked project; prints what it measures as JSON lines."""

import asyncio
import json
import statistics
import time
from typing import Any

import psutil
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

LEVELS = (10, 50, 100, 200)  # rooms that are open
LAST = 10  # rooms whose time is taken at each level
AT_ONCE = 5  # rooms that are opened in the same moment on the way to a level
WATCHED = 10  # seconds for which CPU time is measured
# Without it, the SDK wakes each process up a hundred times a second; see what both cost.
QUIET = {"LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS": "0"}


def say(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def processes(root: int) -> list[psutil.Process]:
    """The program and all that it has started."""
    worker = psutil.Process(root)
    return [worker, *worker.children(recursive=True)]


def memory(root: int) -> float:
    """What its processes take, in MB: memory that several share is divided among them (PSS)."""
    return sum(each.memory_full_info().pss for each in processes(root)) / 1e6


def cpu(root: int) -> float:
    """The CPU time that they have taken, in seconds."""
    return sum(sum(each.cpu_times()[:2]) for each in processes(root))


async def cores(root: int) -> float:
    """How many cores they take just now."""
    before, since = cpu(root), time.perf_counter()
    await asyncio.sleep(WATCHED)
    return (cpu(root) - before) / (time.perf_counter() - since)


async def open_room(backend: str, persons: list[Person]) -> float:
    """Opens a room; gives the seconds from the person's setting out to seeing the agent."""
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    persons.append(person)
    return time.perf_counter() - person.came_at


async def fill(backend: str, persons: list[Person], rooms: int) -> None:
    while len(persons) < rooms:
        wanted = min(AT_ONCE, rooms - len(persons))
        await asyncio.gather(*(open_room(backend, persons) for _ in range(wanted)))


async def resources(env: dict[str, str], name: str) -> None:
    """What a worker takes at rest, and with 20 conversations in which nobody says a word."""
    livekit, persons = LiveKit(), list[Person]()
    with livekit.running() as server, livekit.backend() as backend, livekit.worker(**env) as worker:
        await asyncio.sleep(WATCHED)
        rest = memory(worker.pid)
        rest_cores = await cores(worker.pid)
        await fill(backend, persons, 20)
        await asyncio.sleep(WATCHED)
        full = memory(worker.pid)
        say(
            what=name,
            rest=rest,
            job=(full - rest) / len(persons),
            rest_cores=rest_cores,
            job_cores=(await cores(worker.pid) - rest_cores) / len(persons),
            server_cores=await cores(server.pid) / len(persons),
        )
        await asyncio.gather(*(person.leave() for person in persons))


async def curve() -> None:
    """How long a person waits for the agent when so many rooms are open already."""
    livekit, persons = LiveKit(), list[Person]()
    with livekit.running(), livekit.backend() as backend, livekit.worker(**QUIET):
        for level in LEVELS:
            await fill(backend, persons, level - LAST)
            seconds = sorted([await open_room(backend, persons) for _ in range(LAST)])
            say(
                what="curve",
                rooms=level,
                median=statistics.median(seconds),
                worst=seconds[-1],
            )
        await asyncio.gather(*(person.leave() for person in persons))


async def main() -> None:
    await resources({}, "as it is")
    await resources(QUIET, "without the SDK's watch over its event loop")
    await curve()


if __name__ == "__main__":
    asyncio.run(main())
