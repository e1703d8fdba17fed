"""A LiveKit server with workers, token backends and people: the scene of a fault scenario."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from livekit.api import (
    AccessToken,
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    Room,
    RoomAgentDispatch,  # only explicit
    RoomConfiguration,  # only explicit
    RoomParticipantIdentity,
    TwirpError,
    VideoGrants,
)

from app.dispatch import names, policy
from app.settings import load_settings
from dev import livekit_server
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

POLL_SECONDS = 0.05  # the polled states have no LiveKit event


# begin only explicit
# The dispatch that any room needs so that our agent joins it.
AGENTS = [RoomAgentDispatch(agent_name=names.our_name(load_settings()))]


# end only explicit
@dataclass(frozen=True)
class Outcome:
    """The result of a scenario.

    Attributes:
        rooms: the number of rooms with people.
        served: how many of these have exactly one agent, which answers once.
        seconds: the time that the slowest of these took, from `World.since`.
        note: what else the scenario has counted.
    """

    rooms: int
    served: int = 0
    seconds: float | None = None
    note: str = ""

    @property
    def is_good(self) -> bool:
        return self.served == self.rooms > 0


@dataclass
class World:
    """A LiveKit server, and what fault scenarios need around it.

    Attributes:
        folder: where tests request faults from faulty_worker.py.
        promise: False for plain LiveKit, without what this project adds (`DISPATCH_ENSURE=false`,
            and see faulty_worker.py).
        people: one person per room, by room name.
        lost: agents that the fault ends, so they do not count.
        since: when an agent could first join (`time.perf_counter`).
        note: returns a remark for docs/reliability.md; called once all rooms have their agents.
    """

    livekit: LiveKit
    server: subprocess.Popen[bytes]
    api: LiveKitAPI
    folder: Path
    promise: bool
    stack: ExitStack
    people: dict[str, Person] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    since: float = 0
    note: Callable[[], str] = str

    async def worker(self, ready: str = "registered worker", **env: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until it has printed `ready`."""
        program = self.livekit.worker(
            "tests.e2e.faulty_worker",
            ready,
            **{
                "FAULTS": str(self.folder),
                "PLAIN": "" if self.promise else "true",
                "DISPATCH_ENSURE": str(self.promise),
                "WORKER_NUM_IDLE_PROCESSES": "2",
                **env,
            },
        )
        return await asyncio.to_thread(self.stack.enter_context, program)

    async def backend(self, stack: ExitStack | None = None, **env: str) -> str:
        program = self.livekit.backend(DISPATCH_ENSURE=str(self.promise), **env)
        return await asyncio.to_thread((stack or self.stack).enter_context, program)

    async def join(self, backend: str, room: str = "room") -> None:
        self.people[room] = await Person.with_token_from(backend, room_name=room)

    async def join_with(self, token: AccessToken, room: str = "room") -> None:
        self.people[room] = await Person.with_token(self.livekit.url, token.to_jwt())

    def foreign_token(self, room: str = "room") -> AccessToken:
        """Make a token as another backend would, which does not know this project."""
        token = AccessToken(self.livekit.key, self.livekit.secret).with_identity("ann")
        token.with_grants(VideoGrants(room_join=True, room=room))
        token.with_room_config(RoomConfiguration(agents=AGENTS))  # only explicit
        return token

    async def agents(self, room: str = "room") -> list[str]:
        """Return the agents that the server lists and whose assistant has started."""
        answer = await self.api.room.list_participants(ListParticipantsRequest(room=room))
        return [
            participant.identity
            for participant in answer.participants
            if policy.is_agent(participant, names.our_name(load_settings()))
            and "lk.agent.state" in participant.attributes
        ]

    async def one_agent(self, room: str = "room") -> str:
        """Wait until there is exactly one agent; return its identity."""
        while len(agents := await self.agents(room)) != 1 or agents[0] in self.lost:
            await asyncio.sleep(POLL_SECONDS)
        return agents[0]

    async def lose_agent(self) -> str:
        """Wait for the agent that the fault will end; return its identity."""
        self.lost.add(agent := await self.one_agent())
        return agent

    async def remove(self, identity: str, room: str = "room") -> None:
        """Remove a participant until it has gone: one that was reconnecting may come back."""
        participant = RoomParticipantIdentity(room=room, identity=identity)
        try:
            while True:
                await self.api.room.remove_participant(participant)
                await asyncio.sleep(POLL_SECONDS)
        except TwirpError as error:
            if error.status != 404:
                raise

    async def agent_has_gone(self) -> None:
        """Wait until the server no longer lists any lost agent."""
        while self.lost & set(await self.agents()):
            await asyncio.sleep(POLL_SECONDS)

    async def rooms(self, *names: str) -> list[Room]:
        """Return the open rooms, or those of them in `names`."""
        return list((await self.api.room.list_rooms(ListRoomsRequest(names=names))).rooms)

    async def outcome(self, timeout: float) -> Outcome:
        """Wait up to `timeout` seconds for one agent in each room; return the result."""
        times = await asyncio.gather(*(self._seconds(room, timeout) for room in self.people))
        note = self.note()
        waiting = zip(self.people.values(), times, strict=True)
        met = [(person, seconds) for person, seconds in waiting if seconds is not None]
        answers = await asyncio.gather(*(answers_to(person) for person, _ in met))
        served = [s for (_, s), count in zip(met, answers, strict=True) if count == 1]
        return Outcome(len(times), len(served), max(served, default=None), note)

    async def _seconds(self, room: str, timeout: float) -> float | None:
        """Return the seconds until there is exactly one agent, or None after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.one_agent(room)
        except TimeoutError:
            return None
        return time.perf_counter() - self.since


async def answers_to(person: Person, words: str = "") -> int:
    """Count the answers to one chat message of `person`, which begins with `words`."""
    first, second = f"{words}first", f"{words}second"
    await person.says(first)
    await person.hears(first)
    await person.says(second)  # its answer comes after all answers to the first
    await person.hears(second)
    return len(person.lines_with(first))


def jobs_of(folder: Path) -> dict[str, int]:
    """Return the agents that faulty workers with this folder have started, with process IDs."""
    file = folder / "jobs"
    lines = file.read_text().splitlines() if file.exists() else []
    return {identity: int(pid) for pid, identity in map(str.split, lines)}


@asynccontextmanager
async def world(folder: Path, promise: bool = True) -> AsyncIterator[World]:
    """Run a World."""
    livekit = LiveKit()
    with ExitStack() as stack:
        server = stack.enter_context(livekit.running())
        async with livekit.api() as api:
            world = World(livekit, server, api, folder, promise, stack)
            try:
                yield world
            finally:
                await asyncio.gather(*(person.leave() for person in world.people.values()))
                await asyncio.to_thread(stack.close)


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core of this machine busy for up to two minutes."""
    loop = "import time\nend = time.time() + 120\nwhile time.time() < end: pass"
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = subprocess.Popen([sys.executable, "-c", loop])
            stack.enter_context(livekit_server.ending(process))
        yield
