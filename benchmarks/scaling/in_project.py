"""The part that runs in a baked project. Prints its measurements as JSON lines."""

import asyncio
import json
import statistics
import time
from typing import Any

import psutil

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

LEVELS = (10, 50, 100)  # open rooms
LAST = 10  # rooms that are timed at each level
AT_ONCE = 5  # rooms that open at the same moment on the way to a level
WATCHED_SECONDS = 10  # for which CPU time is measured
STARTS = 5
# Otherwise the SDK wakes each process a hundred times a second. Both are measured.
QUIET = {"LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS": "0"}


def report(**measured: Any) -> None:
    print(json.dumps(measured), flush=True)


def processes(root: int) -> list[psutil.Process]:
    """Return the program and all its child processes."""
    worker = psutil.Process(root)
    return [worker, *worker.children(recursive=True)]


def memory_mb(root: int) -> float:
    """Return the memory of its processes, in MB. Shared memory is divided among them (PSS)."""
    return sum(process.memory_full_info().pss for process in processes(root)) / 1e6


def cpu_seconds(root: int) -> float:
    """Return the CPU time that its processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes(root))


async def cores(root: int) -> float:
    """Return how many cores its processes use now."""
    before, started = cpu_seconds(root), time.perf_counter()
    await asyncio.sleep(WATCHED_SECONDS)
    return (cpu_seconds(root) - before) / (time.perf_counter() - started)


async def open_room(backend: str, people: list[Person]) -> float:
    """Open a room; return the seconds from joining to seeing the agent."""
    person = await Person.with_token_from(backend)
    await person.meets_agent()
    people.append(person)
    return time.perf_counter() - person.came_at


async def fill(backend: str, people: list[Person], rooms: int) -> None:
    while len(people) < rooms:
        wanted = min(AT_ONCE, rooms - len(people))
        await asyncio.gather(*(open_room(backend, people) for _ in range(wanted)))


async def resources(env: dict[str, str], name: str) -> None:
    """Measure a worker at rest, and with 20 silent conversations."""
    livekit, people = LiveKit(), list[Person]()
    with livekit.running() as server, livekit.backend() as backend, livekit.worker(**env) as worker:
        await asyncio.sleep(WATCHED_SECONDS)
        rest = memory_mb(worker.pid)
        rest_cores = await cores(worker.pid)
        await fill(backend, people, 20)
        await asyncio.sleep(WATCHED_SECONDS)
        full = memory_mb(worker.pid)
        report(
            what=name,
            rest=rest,
            job=(full - rest) / len(people),
            rest_cores=rest_cores,
            job_cores=(await cores(worker.pid) - rest_cores) / len(people),
            server_cores=await cores(server.pid) / len(people),
        )
        await asyncio.gather(*(person.leave() for person in people))


async def curve() -> None:
    """Measure how long a person waits for the agent at each number of open rooms."""
    livekit, people = LiveKit(), list[Person]()
    with livekit.running(), livekit.backend() as backend, livekit.worker(**QUIET):
        for level in LEVELS:
            await fill(backend, people, level - LAST)
            seconds = sorted([await open_room(backend, people) for _ in range(LAST)])
            report(
                what="curve",
                rooms=level,
                median=statistics.median(seconds),
                worst=seconds[-1],
            )
        await asyncio.gather(*(person.leave() for person in people))


def start() -> None:
    """Measure how long a worker takes to register, next to the smallest one, in turn."""
    livekit = LiveKit()
    seconds: dict[str, list[float]] = {module: [] for module in ("bare_worker", "app.agent")}
    with livekit.running():
        for _ in range(STARTS):
            for module, measured in seconds.items():
                started = time.perf_counter()
                with livekit.worker(module):
                    measured.append(time.perf_counter() - started)
    bare, ours = map(statistics.median, seconds.values())
    report(what="start", bare=bare, ours=ours, starts=STARTS)


async def main() -> None:
    await resources({}, "as it is")
    await resources(QUIET, "without the SDK's event loop check")
    await curve()


if __name__ == "__main__":
    start()
    asyncio.run(main())
