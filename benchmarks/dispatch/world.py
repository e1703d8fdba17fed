"""The world of a case: a LiveKit server with its workers and people."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
from google.protobuf.json_format import ParseDict
from livekit import api, rtc

from benchmarks.dispatch.options import PATIENCE, Worker
from tests.baking import PROJECT, clean_environment, free_port

KEY, SECRET = "key", "a secret that only this machine ever sees"
ROOM = "room"
STARTING_SECONDS = 60  # for a worker to register


class Person:
    """A person in a room."""

    def __init__(self) -> None:
        self._room = rtc.Room()
        self._changed = asyncio.Event()
        for event in ("participant_connected", "participant_disconnected"):
            self._room.on(event, lambda *_: self._changed.set())

    async def join(self, url: str, token: str) -> None:
        await self._room.connect(url, token)

    async def leave(self) -> None:
        await self._room.disconnect()

    @property
    def agents(self) -> int:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return sum(p.kind == kind for p in self._room.remote_participants.values())

    async def sees(self, fewest: int, most: int, patience: float) -> bool:
        """Whether the number of agents reaches this range within `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while not fewest <= self.agents <= most:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True


class World:
    """What a case runs with.

    Attributes:
        seconds: how long the last person who met an agent waited for it.
        detail: a part of the outcome that differs from run to run.
    """

    def __init__(self, folder: Path, python: Path, url: str, livekit: api.LiveKitAPI) -> None:
        self.seconds: float | None = None
        self.detail = ""
        self._folder, self._python = folder, python
        self._url, self._livekit = url, livekit
        self._workers: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self._people: list[Person] = []
        self.load(0)

    # -- workers

    def load(self, load: float) -> None:
        """Set the load that the workers report from now on."""
        self._load.write_text(str(load))

    @property
    def _load(self) -> Path:
        return self._folder / "load"

    def _environment(self, **more: str) -> dict[str, str]:
        return clean_environment(PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", **more)

    async def start(self, worker: Worker) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it has registered."""
        self._started += 1
        log = self._folder / f"worker-{self._started}.log"
        behaviour = {k: v for k, v in asdict(worker).items() if k not in ("env", "command")}
        env = self._environment(
            DISPATCH_WORKER=json.dumps(behaviour),
            DISPATCH_LOAD=str(self._load),
            LIVEKIT_URL=self._url,
            LIVEKIT_API_KEY=KEY,
            LIVEKIT_API_SECRET=SECRET,
            # A worker starts faster without the models, which no case uses.
            LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE="0",
            **worker.env,
        )
        script = Path(__file__).with_name("worker.py")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._python, script, *worker.command],
                cwd=self._folder,
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,  # to kill its jobs with it
            )
        self._workers.append(process)
        async with asyncio.timeout(STARTING_SECONDS):
            while b"registered worker" not in log.read_bytes():
                if process.poll() is not None:
                    raise RuntimeError(f"the worker has exited:\n{log.read_text()[-2000:]}")
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # some time after it has registered
        return process

    async def worker_tells(self) -> str:
        """Return the fields of a named worker's `GET /worker`."""
        port = free_port()
        await self.start(Worker(options={"agent_name": "a", "host": "127.0.0.1", "port": port}))
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(raise_for_status=True) as http:
            async with http.get(url):
                pass
            async with http.get(f"{url}/worker") as answer:
                return ", ".join(f"`{field}`" for field in sorted(await answer.json()))

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker and its jobs, as if their machine were lost."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        self._workers.remove(worker)

    def logged(self, words: str) -> int:
        """Return how many log lines of the server and the workers contain `words`."""
        logs = (path.read_text(errors="replace") for path in self._folder.glob("*.log"))
        return sum(words in line for log in logs for line in log.splitlines())

    async def outcome_of(self, code: str) -> str:
        """Run a line of Python in the SDK's environment; return its error, or "works"."""
        process = await asyncio.create_subprocess_exec(
            *(self._python, "-c", code), env=self._environment(), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        if process.returncode == 0:
            return "works"
        # Without the class name, which differs between the SDKs.
        return re.sub(r"\w+\.__init__\(\) got an ", "", errors.decode().splitlines()[-1])

    # -- people

    async def person(
        self,
        room: str = ROOM,
        metadata: str = "",
        room_config: dict[str, Any] | None = None,
    ) -> Person:
        """Let a new person join `room` with this token."""
        token = (
            api.AccessToken(KEY, SECRET)
            .with_identity(f"person-{len(self._people)}")
            .with_grants(api.VideoGrants(room_join=True, room=room))
            .with_metadata(metadata)
        )
        if room_config is not None:
            token = token.with_room_config(ParseDict(room_config, api.RoomConfiguration()))
        person = Person()
        self._people.append(person)
        await person.join(self._url, token.to_jwt())
        return person

    async def meets(self, person: Person, agents: int = 1) -> bool:
        """Whether this many agents come, or are there."""
        started = time.perf_counter()
        if not await person.sees(agents, sys.maxsize, PATIENCE):
            return False
        self.seconds = round(time.perf_counter() - started, 2)
        return True

    # -- LiveKit's server API

    async def create_room(self, **more: Any) -> None:
        await self._livekit.room.create_room(
            ParseDict({"name": ROOM, **more}, api.CreateRoomRequest())
        )

    async def end_room(self, room: str) -> None:
        await self._livekit.room.delete_room(api.DeleteRoomRequest(room=room))

    async def dispatch(self, agent_name: str = "") -> None:
        await self._livekit.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=agent_name, room=ROOM)
        )

    async def delete(self, dispatch: api.AgentDispatch) -> None:
        await self._livekit.agent_dispatch.delete_dispatch(dispatch.id, ROOM)

    async def dispatches(self) -> Sequence[api.AgentDispatch]:
        return await self._livekit.agent_dispatch.list_dispatch(ROOM)

    async def close(self) -> None:
        for person in self._people:
            await person.leave()
        for worker in list(self._workers):
            with contextlib.suppress(ProcessLookupError):  # the worker and its jobs have exited
                self.kill(worker)


def find_server() -> Path:
    """Return the server that the template finds or builds, or that LIVEKIT_SERVER_BIN names."""
    printed = subprocess.run(
        [sys.executable, "-m", "dev.livekit_server", "--get"],
        cwd=PROJECT,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    program = Path(printed.stdout.strip().rpartition("\n")[2])
    if printed.returncode or not program.is_file():
        sys.exit(printed.stderr or "Needs a livekit-server that is not in a container.")
    return program


def version_of(server: Path) -> str:
    printed = subprocess.run([server, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return printed.stdout.split()[-1]


@asynccontextmanager
async def world(server: Path, python: Path) -> AsyncIterator[World]:
    """Run a server that only this machine can reach."""
    port, udp_port = free_port(), free_port(socket.SOCK_DGRAM)
    configuration = {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "rtc": {
            "tcp_port": 0,
            "udp_port": udp_port,
            "node_ip": "127.0.0.1",
            "use_external_ip": False,
            "ips": {"includes": ["127.0.0.1/32"]},
            "enable_loopback_candidate": True,
        },
        "keys": {KEY: SECRET},
        "logging": {"level": "info"},
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / "server.log").open("wb") as log:
            # JSON is YAML.
            env = {**os.environ, "LIVEKIT_CONFIG": json.dumps(configuration)}
            process = subprocess.Popen([server], env=env, stdout=log, stderr=log)
        try:
            await _wait_for(f"http://127.0.0.1:{port}", process)
            async with api.LiveKitAPI(f"http://127.0.0.1:{port}", KEY, SECRET) as livekit:
                its_world = World(folder, python, f"ws://127.0.0.1:{port}", livekit)
                try:
                    yield its_world
                finally:
                    await its_world.close()
        finally:
            process.kill()  # SIGTERM would wait for people to leave
            process.wait()


async def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        while True:
            try:
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                if process.poll() is not None:
                    raise RuntimeError("the LiveKit server has exited") from None
            await asyncio.sleep(0.1)
