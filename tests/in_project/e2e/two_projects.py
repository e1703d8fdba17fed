"""Two projects that share one LiveKit key: which agents join whose rooms, as a table.

    python -m tests.e2e.two_projects FOLDER AGENT FOLDER AGENT

Runs in the environment of a baked project. AGENT is the name of a project's agent, empty under
automatic dispatch. Each project has a token backend and a worker. Its worker is killed while
another one of the same project runs. With PLAIN, both run as plain LiveKit.
The last line is the worst outcome, as JSON.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from subprocess import Popen

import aiohttp
from livekit import rtc
from livekit.api import ListParticipantsRequest, LiveKitAPI
from livekit.protocol.models import ParticipantInfo

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit
from tests.e2e.world import Outcome, answers_to, jobs_of

ROOMS = 10  # of each project
PLAIN = bool(os.environ.get("PLAIN"))
PATIENCE_SECONDS = 15 if PLAIN else 60
TRY_SECONDS = 5
POLL_SECONDS = 0.2


@dataclass
class Project:
    """A project with a token backend and workers.

    Attributes:
        agent: the name of its agent.
        workers: those that run, the oldest first, each with its folder for faults.
    """

    livekit: LiveKit
    stack: ExitStack
    agent: str
    workers: list[tuple[Popen[bytes], Path]] = field(default_factory=list)
    backend: str = field(init=False)

    def __post_init__(self) -> None:
        self._env = {
            "PYTHONPATH": str(self.livekit.folder),
            "DISPATCH_ENSURE": str(not PLAIN),
            "PLAIN": "true" if PLAIN else "",
        }
        self.backend = self.stack.enter_context(self.livekit.backend(**self._env))

    @property
    def title(self) -> str:
        return self.livekit.folder.name

    def start_worker(self) -> None:
        faults = self.stack.enter_context(tempfile.TemporaryDirectory())
        worker = self.livekit.worker("tests.e2e.faulty_worker", FAULTS=faults, **self._env)
        self.workers.append((self.stack.enter_context(worker), Path(faults)))

    def kill_oldest_worker(self) -> set[str]:
        """Kill the oldest worker, and return its agents."""
        worker, faults = self.workers.pop(0)
        worker.kill()
        return set(jobs_of(faults))


@dataclass
class Rooms:
    """The rooms of both projects.

    Attributes:
        right: the name of the right agent for each room.
        people: one per room.
        lost: the agents of killed workers.
    """

    api: LiveKitAPI
    right: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    async def open(self, project: Project, name: str) -> None:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.post(f"{project.backend}/token", json={"room_name": name}) as answer,
        ):
            grant = await answer.json()
        self.right[name], self.people[name] = project.agent, Person()
        # All people are in this process, which could not decode so many voices at once.
        silent = rtc.RoomOptions(auto_subscribe=False)
        await self.people[name].room.connect(
            grant["server_url"], grant["participant_token"], silent
        )

    async def outcome(self, moment: str) -> Outcome:
        """Wait until each room has exactly one agent, the right one, and print a row."""
        started = time.perf_counter()
        give_up = started + PATIENCE_SECONDS
        await asyncio.gather(*(self._is_served(room, moment, give_up) for room in self.people))
        # A surplus agent may come late, and leaves at once.
        while bad := [room for room in self.people if not await self._agent(room)]:
            if time.perf_counter() > give_up:
                break
            await asyncio.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        served = len(self.people) - len(bad)
        is_good = not bad
        row(moment, f"{served} of {len(self.people)}", f"{seconds:.0f} s" if is_good else "-")
        for room in bad:
            print(f"{room} has", await self._agents(room), "lost:", self.lost, flush=True)
        return Outcome(len(self.people), served, seconds if served else None)

    async def _is_served(self, room: str, moment: str, give_up: float) -> None:
        """Wait until the agent of `room` answers, and no other does."""
        while time.perf_counter() < give_up:
            if await self._agent(room):
                words = f"{moment} {time.perf_counter():.0f} "
                try:
                    async with asyncio.timeout(TRY_SECONDS):
                        if await answers_to(self.people[room], words) == 1:
                            return
                except TimeoutError:
                    continue
            await asyncio.sleep(POLL_SECONDS)

    async def _agents(self, room: str) -> list[ParticipantInfo]:
        answer = await self.api.room.list_participants(ListParticipantsRequest(room=room))
        return [p for p in answer.participants if p.kind == ParticipantInfo.Kind.AGENT]

    async def _agent(self, room: str) -> str | None:
        """The agent in `room`, if it is the only one, has started, and is the right one."""
        agents = await self._agents(room)
        if len(agents) != 1 or agents[0].identity in self.lost:
            return None
        (agent,) = agents
        is_right = agent.attributes.get("lk.agent_name", "") == self.right[room]
        return agent.identity if is_right and "lk.agent.state" in agent.attributes else None


async def run(projects: list[Project], rooms: Rooms) -> list[Outcome]:
    outcomes = []
    row("", "its one agent in", "after")
    for project in projects:
        project.start_worker()
    for project in projects:
        names = (f"{project.title} {n}" for n in range(ROOMS))
        await asyncio.gather(*(rooms.open(project, name) for name in names))
    outcomes.append(await rooms.outcome("rooms open"))
    for project in projects:
        project.start_worker()
        rooms.lost |= project.kill_oldest_worker()
        outcomes.append(await rooms.outcome(f"a worker of {project.title} is killed"))
    await asyncio.gather(*(person.leave() for person in rooms.people.values()))
    return outcomes


async def main() -> int:
    livekit = LiveKit(backends=2)
    folders, agents = sys.argv[1::2], sys.argv[2::2]
    with ExitStack() as stack:
        stack.enter_context(livekit.running())
        projects = [
            Project(replace(livekit, folder=Path(folder)), stack, agent)
            for folder, agent in zip(folders, agents, strict=True)
        ]
        async with livekit.api() as api:
            outcomes = await run(projects, Rooms(api))
    worst = min(outcomes, key=lambda outcome: (outcome.served, -(outcome.seconds or 0)))
    print(json.dumps(asdict(worst)))
    return 0 if worst.is_good else 1


def row(moment: str, *cells: object) -> None:
    print(f"{moment:32}", *(f"{cell!s:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
