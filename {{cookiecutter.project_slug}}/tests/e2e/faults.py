"""What goes wrong around a worker, and how long a person then waits for the one agent."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from livekit.api import (
    CreateRoomRequest,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
)

from app import dispatch
from app.settings import load_settings
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

BURST = 50  # rooms that open at once # only keyless
BURST = 15  # rooms that open at once: such agents are work # only pipeline or realtime or offline


@dataclass
class World:
    """A LiveKit server, and what the faults need beside it.

    Attributes:
        folder: where faulty_worker.py looks for the faults that it is to have.
        promise: whether rooms are looked after (DISPATCH_ENSURE).
        lost: the agents whose end is the fault; they do not count.
        since: when the fault was over, so that an agent could come (`time.perf_counter`).
    """

    livekit: LiveKit
    server: subprocess.Popen[bytes]
    api: LiveKitAPI
    folder: Path
    promise: bool
    stack: ExitStack
    persons: dict[str, Person] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    since: float = 0

    async def worker(self, **env: str) -> subprocess.Popen[bytes]:
        program = self.livekit.worker(
            "tests.e2e.faulty_worker",
            FAULTS=str(self.folder),
            DISPATCH_ENSURE=str(self.promise),
            WORKER_NUM_IDLE_PROCESSES="2",
            **env,
        )
        return await asyncio.to_thread(self.stack.enter_context, program)

    async def backend(self, stack: ExitStack | None = None, **env: str) -> str:
        program = self.livekit.backend(DISPATCH_ENSURE=str(self.promise), **env)
        return await asyncio.to_thread((stack or self.stack).enter_context, program)

    async def join(self, backend: str, room: str = "room") -> None:
        self.persons[room] = await Person.with_token_from(backend, room_name=room)

    async def agents(self, room: str = "room") -> list[str]:
        """The agents that the server lists, whose assistant has started."""
        answer = await self.api.room.list_participants(ListParticipantsRequest(room=room))
        return [
            each.identity
            for each in answer.participants
            if dispatch.is_agent(each, dispatch.our_name(load_settings()))
            and "lk.agent.state" in each.attributes
        ]

    async def one_agent(self, room: str = "room") -> str:
        """Waits until there is exactly one."""
        while len(agents := await self.agents(room)) != 1 or agents[0] in self.lost:
            await asyncio.sleep(0.05)
        return agents[0]

    async def lose_agent(self) -> None:
        self.lost.add(await self.one_agent())

    async def room_has_closed(self) -> None:
        while (await self.api.room.list_rooms(ListRoomsRequest(names=["room"]))).rooms:
            await asyncio.sleep(0.05)

    async def is_restored(self, room_name: str) -> None:
        """Waits until the room has its metadata again."""
        request = ListRoomsRequest(names=[room_name])
        while not any(room.metadata for room in (await self.api.room.list_rooms(request)).rooms):
            await asyncio.sleep(0.05)

    async def agent_has_gone(self) -> None:
        """Waits until the server has noticed."""
        while self.lost & set(await self.agents()):
            await asyncio.sleep(0.05)

    async def seconds_to_recover(self, patience: float) -> float | None:
        """How long it takes until there is exactly one agent in each room, which answers.

        None if there is not within `patience` seconds, or if there are several.
        """
        try:
            async with asyncio.timeout(patience):
                await asyncio.gather(*map(self.one_agent, self.persons))
        except TimeoutError:
            return None
        seconds = time.perf_counter() - self.since
        answers = await asyncio.gather(*map(answers_to, self.persons.values()))
        return seconds if set(answers) == {1} else None


Fault = Callable[[World], Awaitable[None]]


async def answers_to(person: Person, words: str = "") -> int:
    """How many answers a chat message of `person`, which begins with `words`, gets."""
    first, second = f"{words}first", f"{words}second"
    await person.says(first)
    await person.hears(first)
    await person.says(second)  # when this is answered, all answers to the first have come
    await person.hears(second)
    return len(person.lines_with(first))


@asynccontextmanager
async def world(folder: Path, promise: bool = True) -> AsyncIterator[World]:
    """A world that ends with the block."""
    livekit = LiveKit(target_load=0.7)
    with ExitStack() as stack:
        server = stack.enter_context(livekit.running())
        async with livekit.api() as api:
            world = World(livekit, server, api, folder, promise, stack)
            try:
                yield world
            finally:
                await asyncio.gather(*(person.leave() for person in world.persons.values()))
                await asyncio.to_thread(stack.close)


async def late_worker(world: World) -> None:
    """A person joins, and only then a worker starts."""
    await world.join(await world.backend())
    await world.worker()
    world.since = time.perf_counter()


async def exception(world: World) -> None:
    """The entrypoint of the first job raises an exception, before it has joined."""
    (world.folder / "exception").touch()
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    world.since = time.perf_counter()
    await world.join(backend)


async def killed_job(world: World) -> None:
    """The process of a job is killed, as if memory had run out."""
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    await world.join(backend)
    await world.lose_agent()
    os.kill(int((world.folder / "pid").read_text()), signal.SIGKILL)
    world.since = time.perf_counter()


async def served_by_the_first_of_two(world: World, **env: str) -> subprocess.Popen[bytes]:
    backend, first = await asyncio.gather(world.backend(), world.worker(**env))
    await world.join(backend)
    await world.lose_agent()
    await world.worker()
    return first


async def killed_worker(world: World) -> None:
    """The worker is killed while a person talks; another one runs."""
    (await served_by_the_first_of_two(world)).kill()
    world.since = time.perf_counter()


async def lost_machine(world: World) -> None:
    """The worker and its jobs are killed at once; another worker runs. From when it was noticed."""
    first = await served_by_the_first_of_two(world)
    os.killpg(first.pid, signal.SIGKILL)
    await world.agent_has_gone()
    world.since = time.perf_counter()


async def stopped_worker(world: World) -> None:
    """The worker is told to stop, and a person talks for longer than it may drain."""
    first = await served_by_the_first_of_two(world, WORKER_DRAIN_TIMEOUT="1")
    first.terminate()
    await world.agent_has_gone()
    world.since = time.perf_counter()


async def rolling_replacement(world: World) -> None:
    """Two workers are replaced, one after the other, while ten rooms are open."""
    drain = {"WORKER_DRAIN_TIMEOUT": "1"}
    backend, *workers = await asyncio.gather(
        world.backend(), world.worker(**drain), world.worker(**drain)
    )
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(10)))
    await asyncio.gather(*map(world.one_agent, world.persons))
    for worker in workers:
        worker.terminate()
        await asyncio.gather(world.worker(), asyncio.to_thread(worker.wait))
    world.since = time.perf_counter()


async def restarted_server(world: World) -> None:
    """The LiveKit server is killed and runs again; in one of two rooms the agent is back first."""
    backend, _ = await asyncio.gather(world.backend(), world.worker())
    await asyncio.gather(world.join(backend), world.join(backend, "left"))
    await asyncio.gather(*map(world.one_agent, world.persons))
    noticed = asyncio.Event()
    world.persons["room"].room.on("reconnecting", noticed.set)
    world.server.kill()
    world.server.wait()
    await noticed.wait()
    await world.persons.pop("left").leave()
    world.stack.enter_context(world.livekit.running())
    world.since = time.perf_counter()
    await world.is_restored("left")
    await world.join(backend, "left")


async def unheard_webhooks(world: World) -> None:
    """The worker is killed, another one runs, and the token backend starts only afterwards."""
    with ExitStack() as stack:
        backend, first = await asyncio.gather(world.backend(stack), world.worker())
        await world.join(backend)
        await world.lose_agent()
        await world.worker()
    first.kill()
    await world.agent_has_gone()
    await world.backend(DISPATCH_SWEEP_SECONDS="1")
    world.since = time.perf_counter()


async def crowd(world: World, rooms: int = 3) -> None:
    """Twenty persons at once ask two token backends for a room that is open and has no agent."""
    names = [f"room {n}" for n in range(rooms)]
    for name in names:
        await world.api.room.create_room(CreateRoomRequest(name=name))
    first, _ = await asyncio.gather(world.backend(), world.worker())
    second = await world.backend()
    async with aiohttp.ClientSession() as http:
        for name in names:
            world.since = time.perf_counter()
            asking = [
                http.post(f"{backend}/token", json={"room_name": name})
                for backend in (first, second) * 10
            ]
            for answer in await asyncio.gather(*asking):
                answer.raise_for_status()
            await world.join(first, name)
            await world.one_agent(name)


async def burst(world: World) -> None:
    """Persons each open a room at the same moment; two workers run."""
    backend, *_ = await asyncio.gather(world.backend(), world.worker(), world.worker())
    world.since = time.perf_counter()
    await asyncio.gather(*(world.join(backend, f"room {n}") for n in range(BURST)))


# How long to wait for an agent, in seconds: several times as long as it takes.
FAULTS: dict[Fault, float] = {
    late_worker: 15,
    exception: 15,
    killed_job: 15,
    killed_worker: 15,
    lost_machine: 15,
    stopped_worker: 15,
    rolling_replacement: 30,
    restarted_server: 30,
    unheard_webhooks: 15,
    crowd: 15,
    burst: 60,
}
