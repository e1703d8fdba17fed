"""The containers of a baked project, and the people who talk to its agents."""

import asyncio
import importlib.util
import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.baking import PROJECT, BakedProject

UPDATE = ("sh", "deploy/compose/update.sh")
AGENT_SECONDS = 45  # until a room has another agent: LiveKit notices a lost machine after 20
UP_SECONDS = "180"


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


async def until(holds: Callable[[], Any], seconds: float = AGENT_SECONDS) -> float:
    """Wait until `holds`; return how long that took."""
    began = time.perf_counter()
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.1)
    return time.perf_counter() - began


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
        self.compose("up", "--wait", "--wait-timeout", UP_SECONDS, *words)

    def down(self) -> None:
        # Without --volumes, the next `up` would meet the certificates of this one.
        self.compose("down", "--timeout", "0", "--volumes")

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def worker_of(self, agent: Any) -> str:
        """The container whose log mentions the job of this agent."""
        job = agent.identity.removeprefix("agent-")
        for container in self.containers("worker"):
            logs = subprocess.run(
                ["docker", "logs", container], capture_output=True, text=True, check=True
            )
            if job in logs.stdout + logs.stderr:
                return container
        raise LookupError(job)

    def crash(self, service: str) -> None:
        """Kill the main process from outside: after `docker kill`, Docker would not restart it."""
        (container,) = self.containers(service)
        pid = docker("inspect", "--format", "{{.State.Pid}}", container)
        image = self.image()
        kill = ("python", "-c", f"import os; os.kill({pid}, 9)")
        docker("run", "--rm", "--privileged", "--pid", "host", "--user", "0", image, *kill)

    def image(self) -> str:
        return docker("inspect", "--format", "{{.Image}}", self.containers("worker")[0])

    def add_row(self, step: str, seconds: float, note: str = "") -> None:
        self.rows.append((step, seconds, note))

    async def update(self) -> asyncio.subprocess.Process:
        """Start the project's own update."""
        return await asyncio.create_subprocess_exec(
            *(*UPDATE, *self.files),
            cwd=self.project.path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )


async def replaces_agent(person: Any, lost: Any) -> float:
    """Wait until `person` is with another agent than `lost`, which answers."""
    seconds = await until(
        lambda: person.agents and all(agent.identity != lost.identity for agent in person.agents)
    )
    await asks(person, f"after {lost.identity}")
    return seconds


async def asks(person: Any, words: str) -> None:
    """Say `words`, and wait until an agent repeats them."""
    await person.says(words)
    await person.hears(words)


class Clients:
    """Two token requests a second, each of which is repeated until it is answered.

    Attributes:
        waited: how long each request took, with its repetitions.
        failures: attempts that failed.
    """

    def __init__(self, request: Callable[[], Any]) -> None:
        self._request = request
        self.waited: list[float] = []
        self.failures = 0
        self._running: set[asyncio.Task[None]] = set()

    async def keep_asking(self) -> None:
        while True:
            task = asyncio.create_task(self._ask())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.sleep(0.5)

    async def _ask(self) -> None:
        began = time.perf_counter()
        while True:
            try:
                await self._request()
                break
            except Exception:  # a real client does not ask why either
                self.failures += 1
                await asyncio.sleep(0.1)
        self.waited.append(time.perf_counter() - began)

    async def finish(self, asking: asyncio.Task[None]) -> None:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await asyncio.gather(*self._running)


def as_json(text: str) -> Any:
    return json.loads(text)
