"""The containers of a baked project, and the people who talk to its agents."""

import asyncio
import importlib.util
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from livekit import rtc

from tests.baking import PROJECT, BakedProject

UPDATE = ("sh", "deploy/compose/update.sh")
AGENT_SECONDS = 45  # until a room has another agent: LiveKit notices a lost machine after 20
DRAIN_SECONDS = 60  # from the last person's leaving to the end of the worker
UP_SECONDS = "300"
# A worker ends once its rooms have closed: 20 seconds after the last person, by LiveKit's default.
ROOM_CONFIG = {"departure_timeout": 1}


def person_of_the_project() -> Any:
    """The class that the project's own tests use. Its package has the name of this one."""
    spec = importlib.util.spec_from_file_location("person", PROJECT / "tests/e2e/person.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Person


Person = person_of_the_project()


def docker(*words: str) -> str:
    """Run docker, which must succeed, and return what it printed."""
    result = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, (words, result.stdout[-2000:], result.stderr[-4000:])
    return result.stdout.strip()


def logs(container: str) -> str:
    result = subprocess.run(
        ["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return result.stdout


def is_registered(worker: str) -> bool:
    return "registered worker" in logs(worker)


async def until(holds: Callable[[], Any], seconds: float = AGENT_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)


@dataclass
class Stack:
    """What compose runs.

    Attributes:
        files: the options of docker compose that name files.
        rows: what the tests measured, for the table.
    """

    project: BakedProject
    rows: list[tuple[str, float, str]]
    files: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"tier-{os.getpid()}")

    def __post_init__(self) -> None:
        os.environ["COMPOSE_PROJECT_NAME"] = self.name

    def compose(self, *words: str) -> str:
        folder = ("--project-directory", str(self.project.path))
        files = [
            str(self.project.path / word) if word.endswith(".yaml") else word for word in self.files
        ]
        return docker("compose", *folder, *files, *words)

    def up(self, *words: str) -> None:
        try:
            self.compose("up", "--wait", "--wait-timeout", UP_SECONDS, *words)
        except AssertionError:
            print(self.logs())
            raise

    def logs(self) -> str:
        """What compose runs, and the end of every container's log."""
        return "\n".join((self.compose("ps", "--all"), self.compose("logs", "--tail", "40")))

    def down(self) -> None:
        # Without --volumes, the next `up` would meet the certificates of this one.
        self.compose("down", "--timeout", "0", "--volumes", "--remove-orphans")

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def worker_of(self, agent: Any) -> str:
        """The container whose log mentions the job of this agent."""
        job = agent.identity.removeprefix("agent-")
        for container in self.containers("worker"):
            if job in logs(container):
                return container
        raise LookupError(job)

    def crash(self, service: str) -> None:
        """Kill the main process from outside: after `docker kill`, Docker would not restart it."""
        (container,) = self.containers(service)
        pid = docker("inspect", "--format", "{{.State.Pid}}", container)
        image = self.image()
        kill = ("python", "-c", f"import os; os.kill({pid}, 9)")
        docker("run", "--rm", "--pid", "host", "--user", "0", image, *kill)

    def image(self) -> str:
        return docker("inspect", "--format", "{{.Image}}", self.containers("worker")[0])

    def add_row(self, step: str, seconds: float, note: str = "") -> None:
        self.rows.append((step, seconds, note))

    async def start_update(self) -> asyncio.subprocess.Process:
        """Start the project's own update."""
        return await asyncio.create_subprocess_exec(
            *(*UPDATE, *self.files),
            cwd=self.project.path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )


async def asks(person: Any, words: str, seconds: float = AGENT_SECONDS) -> None:
    """Say `words`, again and again, until an agent repeats them."""
    async with asyncio.timeout(seconds):
        while not person.lines_with(words):
            with suppress(ConnectionError, rtc.room.ConnectError, rtc.participant.PublishDataError):
                await person.says(words)
            with suppress(TimeoutError):
                await until(lambda: person.lines_with(words), 2)


async def meets_another(person: Any, lost: Any) -> float:
    """Wait until `person` talks with another agent than `lost`; return how long that took."""
    began = time.perf_counter()
    await until(
        lambda: person.agents and all(agent.identity != lost.identity for agent in person.agents)
    )
    await asks(person, f"after {lost.identity}")
    return time.perf_counter() - began


@dataclass
class Backend:
    """The token backend, as people reach it.

    Attributes:
        http: a client that finds it and trusts its certificate.
        url: its address.
    """

    http: aiohttp.ClientSession
    url: str

    async def token(self, **request: Any) -> tuple[str, str]:
        """Ask for a token until there is one; return LiveKit's address and the token."""
        async with asyncio.timeout(AGENT_SECONDS):
            while True:
                with suppress(aiohttp.ClientError):
                    return await self.ask(**request)
                await asyncio.sleep(0.1)

    async def ask(self, **request: Any) -> tuple[str, str]:
        async with self.http.post(f"{self.url}/token", json=request) as response:
            response.raise_for_status()
            grant = await response.json()
            return grant["server_url"], grant["participant_token"]

    async def person(self, room: str) -> Any:
        """Somebody who has joined this room, again and again if LiveKit has just restarted."""
        async with asyncio.timeout(AGENT_SECONDS):
            while True:
                with suppress(rtc.room.ConnectError):
                    return await Person.with_token(
                        *await self.token(room_name=room, room_config=ROOM_CONFIG)
                    )
                await asyncio.sleep(0.2)


class Clients:
    """Two token requests a second, each of which is repeated until it is answered.

    Attributes:
        waited: how long each request took, with its repetitions.
        refused: attempts that failed.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.waited: list[float] = []
        self.refused = 0
        self._asking = asyncio.create_task(self._keep_asking())
        self._running: set[asyncio.Task[None]] = set()

    async def _keep_asking(self) -> None:
        while True:
            task = asyncio.create_task(self._ask())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.sleep(0.5)

    async def _ask(self) -> None:
        began = time.perf_counter()
        while True:
            try:
                await self._backend.ask()
                break
            except aiohttp.ClientError:
                self.refused += 1
                await asyncio.sleep(0.1)
        self.waited.append(time.perf_counter() - began)

    async def finish(self) -> str:
        """Stop asking; return what happened, in words."""
        self._asking.cancel()
        await asyncio.gather(*self._running)
        return (
            f"{len(self.waited)} token requests, {self.refused} refused and repeated,"
            f" the slowest after {max(self.waited):.1f} s"
        )


async def update_during_a_conversation(stack: Stack, backend: Backend) -> Clients:
    """Update while somebody talks, clients ask for tokens and new rooms open."""
    person = await backend.person("before the update")
    agent = await person.meets_agent()
    await asks(person, "before")
    old = set(stack.containers("worker"))
    holder = await asyncio.to_thread(stack.worker_of, agent)
    ended = asyncio.create_task(asyncio.to_thread(docker, "wait", holder))
    clients = Clients(backend)
    assistant = stack.project.path / "app" / "assistant.py"
    with assistant.open("a", encoding="utf-8") as file:
        file.write(f"# changed at {time.time()}\n")
    began = time.perf_counter()
    update = await stack.start_update()
    rooms = 0
    while True:  # new rooms get an agent all the time, and in the end from a new worker
        newcomer = await backend.person(f"during the update {(rooms := rooms + 1)}")
        newest = await newcomer.meets_agent()
        worker = await asyncio.to_thread(stack.worker_of, newest)
        await newcomer.leave()
        await asks(person, f"still here, {rooms}")
        assert update.returncode is None, (await update.communicate())[0].decode()
        name = await asyncio.to_thread(docker, "inspect", "--format", "{{.Name}}", holder)
        if worker not in old and name.startswith("/draining-"):
            break
    switched = time.perf_counter() - began
    note = await clients.finish()
    await asks(person, "after")
    assert [a.identity for a in person.agents] == [agent.identity]
    assert update.returncode is None, "it did not wait for this conversation"
    await person.leave()
    async with asyncio.timeout(DRAIN_SECONDS):
        printed, _ = await update.communicate()
        assert update.returncode == 0, printed.decode()
        assert await ended == "0"
    assert len(stack.containers("worker")) == len(old)
    assert old.isdisjoint(stack.containers("worker"))
    for service in ("worker", "backend"):
        code = stack.compose("exec", "-T", service, "cat", "app/assistant.py")
        assert code == assistant.read_text(encoding="utf-8").strip()
    stack.add_row("update, until the old workers only drain", switched, note)
    return clients
