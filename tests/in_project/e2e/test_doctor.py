"""`python -m app.doctor` names what keeps an agent away. Each cause is real."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NoReturn

import jwt
import pytest
from livekit.api import AccessToken, CreateRoomRequest, RoomAgentDispatch, VideoGrants

from app.doctor import rooms
from app.doctor.__main__ import main
from app.doctor.worker import check
from app.settings import Settings
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, free_ports, lack, run
from tests.e2e.release import CAUSES

NAME = ""  # only automatic
NAME = Settings().livekit_agent_name  # only explicit
AGENTS = [RoomAgentDispatch(agent_name=NAME)]


@dataclass(frozen=True)
class HealthyProject:
    """A LiveKit server, a token backend and a worker.

    Its rooms were opened before the worker started, and nothing dispatches agents to them.
    """

    livekit: LiveKit
    worker: subprocess.Popen[bytes]
    faults: Path
    backend: str
    env: dict[str, str]

    def token(self, **changes: Any) -> str:
        """Return a token like the token backend's, with `changes`. Times are relative to now."""
        parts = {"secret": self.livekit.secret, "room": "new", "nbf": 0, "exp": 900, **changes}
        claims = {
            "iss": self.livekit.key,
            "sub": "ann",
            "video": {"roomJoin": True, "room": parts.pop("room")},
            "roomConfig": {"agents": [{"agentName": NAME}], "metadata": '{"require_agent": true}'},
        }
        now, secret = int(time.time()), parts.pop("secret")
        times = {"nbf": now + parts.pop("nbf"), "exp": now + parts.pop("exp")}
        return jwt.encode({**claims, **parts, **times}, secret, "HS256")

    async def wait_for_load(self, load: float) -> None:
        """Wait until the worker reports this load."""
        while True:
            _, worker = await check(Settings(worker_port=int(self.env["WORKER_PORT"])))
            if worker and worker.load in (load, None):
                return
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def project(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HealthyProject]:
    livekit = LiveKit()
    faults = tmp_path_factory.mktemp("faults")
    (port,) = free_ports(1)
    env = {**livekit.env, "WORKER_HOST": "127.0.0.1", "WORKER_PORT": str(port)}
    plain = {"DISPATCH_ENSURE": "false"}
    with ExitStack() as stack:
        stack.enter_context(livekit.running())
        persons = [
            await open_room(livekit, "waiting"),
            await open_room(livekit, "quiet", metadata='{"require_agent": false}'),
            await open_room(livekit, "theirs", agents=[RoomAgentDispatch(agent_name="theirs")]),
            await open_room(livekit, "shared"),
            await join(livekit, "shared", NAME),
            await join(livekit, "shared", "theirs"),
        ]
        worker = stack.enter_context(
            livekit.worker(
                "tests.e2e.faulty_worker",
                PLAIN="true",
                FAULTS=str(faults),
                WORKER_PORT=str(port),
                **plain,
            )
        )
        backend = stack.enter_context(livekit.backend(**plain))
        yield HealthyProject(livekit, worker, faults, backend, env)
        await asyncio.gather(*(person.leave() for person in persons))


async def open_room(livekit: LiveKit, name: str, **settings: Any) -> Person:
    """Open a room with `settings` and join it."""
    async with livekit.api() as api:
        await api.room.create_room(
            CreateRoomRequest(**{"name": name, "agents": AGENTS, **settings})
        )
    return await join(livekit, name)


async def join(livekit: LiveKit, room: str, agent: str | None = None) -> Person:
    """Join a room as a person, or as the agent `agent`."""
    token = AccessToken(livekit.key, livekit.secret)
    token.with_grants(VideoGrants(room_join=True, room=room))
    if agent is None:
        token.with_identity("ann")
    else:
        token.with_identity(f"agent-{agent}").with_kind("agent")
        token.with_attributes({"lk.agent_name": agent})
    return await Person.with_token(livekit.url, token.to_jwt())


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Run another program, which answers nothing or always the same. Yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if answer else 404)
            self.end_headers()
            self.wfile.write(answer or b"")

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    if answer is None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield f"127.0.0.1:{silent.getsockname()[1]}"
        return
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Doctor:
    """The doctor of this project. Every output is checked for secrets and its exit code.

    Attributes:
        seen: the text of the last finding.
    """

    project: HealthyProject
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    seen: str = ""

    async def __call__(self, env: dict[str, str] | None = None, *arguments: str) -> str:
        """Return the cause that it names first, or nothing."""
        for variable, value in {**self.project.env, **(env or {})}.items():
            self.monkeypatch.setenv(variable, value)
        self.capsys.readouterr()  # drop the output of programs that have ended
        backend = ("--backend", self.project.backend)
        code = await asyncio.to_thread(main, [*backend, "--json", *arguments])
        printed = "".join(self.capsys.readouterr())
        for secret in (self.project.livekit.secret, os.environ["LIVEKIT_API_SECRET"], "eyJ"):
            assert secret not in printed
        result = json.loads(printed)
        assert code == (0 if result["healthy"] else 1)
        assert result["healthy"] == (not result["diagnosis"])
        self.seen = result["findings"][-1]["seen"]
        return result["diagnosis"][0]["cause"] if result["diagnosis"] else ""


@pytest.fixture
def doctor(
    project: HealthyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    return Doctor(project, monkeypatch, capsys)


async def test_a_healthy_project(project: HealthyProject, doctor: Doctor) -> None:
    assert await doctor() == ""
    assert await doctor({}, "--room", "new", "--token", project.token(aud="any")) == ""
    person = await Person.with_token_from(project.backend, room_name="open")
    await person.meets_agent()
    assert await doctor({}, "--room", "open") == ""
    await person.leave()


SETTINGS = {
    "settings-missing": {"LIVEKIT_API_KEY": ""},
    "settings-placeholder": {"LIVEKIT_API_SECRET": "<your API secret of 32 characters or more>"},
    "settings-swapped": {
        "LIVEKIT_API_KEY": "a-secret-of-32-characters-or-more",
        "LIVEKIT_API_SECRET": "APIkey",
    },
    "settings-short": {"LIVEKIT_API_SECRET": "too-short"},
    "settings-http": {"LIVEKIT_URL": "https://example.livekit.cloud"},
    "settings-url": {"LIVEKIT_URL": "example.livekit.cloud"},
    "settings-ends": {"LIVEKIT_API_KEY": "'quoted'"},
    "named-by-environment": {"LIVEKIT_AGENT_NAME_OVERRIDE": "another"},
    "unknown-host": {"LIVEKIT_URL": "wss://livekit.invalid"},
    "no-server": {"LIVEKIT_URL": "ws://127.0.0.1:1"},
    "unknown-key": {"LIVEKIT_API_KEY": "of-another-project"},
    "wrong-secret": {"LIVEKIT_API_SECRET": "of-another-project-with-32-letters"},
    "no-worker": {"WORKER_PORT": "1"},
}


@pytest.mark.parametrize("cause", SETTINGS)
async def test_a_wrong_setting(doctor: Doctor, cause: str) -> None:
    assert await doctor(SETTINGS[cause]) == cause


async def test_clients_may_use_another_url(project: HealthyProject, doctor: Doctor) -> None:
    env = {"TOKEN_SERVER_URL": "ws://127.0.0.1:1"}
    with project.livekit.backend(**env) as backend:
        assert await doctor(env, "--backend", backend) == ""


async def test_a_name_server_that_does_not_answer(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = asyncio.BaseEventLoop.getaddrinfo

    async def silent(loop: asyncio.BaseEventLoop, host: str, *port: Any, **more: Any) -> Any:
        if host == "livekit.invalid":
            await asyncio.Event().wait()
        return await look_up(loop, host, *port, **more)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", silent)
    assert await doctor(SETTINGS["unknown-host"]) == "unknown-host"


async def test_a_silent_server_and_another_program(project: HealthyProject, doctor: Doctor) -> None:
    with listening(None) as address:
        assert await doctor({"LIVEKIT_URL": f"ws://{address}"}) == "no-server"
    for answer in (b"", b"<html>", b"\xff"):
        with listening(answer) as address:
            assert await doctor({"LIVEKIT_URL": f"ws://bob:hunter2@{address}"}) == "no-livekit"
            assert "hunter2" not in doctor.seen
            assert await doctor({"LIVEKIT_URL": f"ws://{address}"}) == "no-livekit"
    secure = project.livekit.url.replace("ws:", "wss:")
    assert await doctor({"LIVEKIT_URL": secure}) == "tls"


async def test_a_wrong_clock(project: HealthyProject) -> None:
    if not shutil.which("faketime"):
        lack("faketime is missing: apt-get install faketime")
    process = await asyncio.create_subprocess_exec(
        *("faketime", "-f", "+2m", sys.executable, "-m", "app.doctor", "--json"),
        cwd=PROJECT,
        env={**os.environ, **project.env},
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert json.loads(printed)["diagnosis"][0]["cause"] == "clock"


TOKENS: dict[str, dict[str, Any]] = {
    "token-of-another-key": {"iss": "another"},
    "token-signature": {"secret": "of-another-project-with-32-letters"},
    "token-expired": {"nbf": -1000, "exp": -100},
    "token-not-yet": {"nbf": 600},
    "token-cannot-join": {"video": {"room": "new"}},
    "token-for-another-room": {"room": "another"},
    "token-asks-for-others": {"roomConfig": {"agents": [{"agentName": "another"}]}},
    "token-opts-out": {"roomConfig": {"metadata": '{"require_agent": false}'}},  # only automatic
    "token-lives-long": {"exp": 21_600},
}


@pytest.mark.parametrize("cause", TOKENS)
async def test_a_wrong_token(project: HealthyProject, doctor: Doctor, cause: str) -> None:
    token = project.token(**TOKENS[cause])
    assert await doctor({}, "--room", "new", "--token", token) == cause


async def test_text_that_is_not_a_token(doctor: Doctor) -> None:
    assert await doctor({}, "--token", "eyJhbGciOiJIUzI1NiJ9.e30") == "token-malformed"


async def test_no_token_backend_and_another_program(
    project: HealthyProject, doctor: Doctor
) -> None:
    assert await doctor({}, "--backend", "http://127.0.0.1:1") == "no-backend"
    with listening(b"") as address:
        assert await doctor({}, "--backend", f"http://{address}") == "no-token-backend"


async def test_worker_and_token_backend_use_different_servers(
    project: HealthyProject, doctor: Doctor
) -> None:
    other = LiveKit(secret=project.livekit.secret)
    with other.running(), other.backend(DISPATCH_ENSURE="false") as backend:
        assert await doctor({}, "--backend", backend) == "backend-elsewhere"
        assert await doctor({"LIVEKIT_URL": other.url}, "--backend", backend) == "job-not-taken"


ROOMS: dict[str, tuple[str, dict[str, str]]] = {
    "room-asks-for-others": ("theirs", {}),
    "room-wants-no-agent": ("quiet", {}),  # only automatic
    "promise-off": ("waiting", {"DISPATCH_ENSURE": "false"}),
    "room-offered-once": ("waiting", {}),
    "room-of-several": ("shared", {}),
}


@pytest.mark.parametrize("cause", ROOMS)
async def test_a_room_with_a_problem(doctor: Doctor, cause: str) -> None:
    room, env = ROOMS[cause]
    while (found := await doctor(env, "--room", room)) == "room-young":
        continue
    assert found == cause


async def test_a_room_whose_agents_fail(project: HealthyProject, doctor: Doctor) -> None:
    (project.faults / "exception").touch()
    person = await open_room(project.livekit, "unlucky")
    while (found := await doctor({}, "--room", "unlucky")) == "room-young":
        continue
    assert found == "agent-gone"
    await person.leave()


@pytest.mark.parametrize(("fault", "cause"), CAUSES.items())
async def test_a_faulty_worker(
    project: HealthyProject, doctor: Doctor, fault: str, cause: str
) -> None:
    file = project.faults / fault
    file.touch()
    await project.wait_for_load(float(fault == "full"))
    async with asyncio.timeout(30):
        while not (found := await doctor()):
            continue  # the server does not know the load yet
        assert found == cause
        file.unlink(missing_ok=True)
        while await doctor():
            continue


async def test_a_suspended_worker(project: HealthyProject, doctor: Doctor) -> None:
    os.kill(project.worker.pid, signal.SIGSTOP)
    try:
        assert await doctor() == "worker-silent"
    finally:
        os.kill(project.worker.pid, signal.SIGCONT)


THEIRS = """
import os
from livekit.agents import JobContext, WorkerOptions, cli

async def entrypoint(job: JobContext) -> None:
    await job.connect()

if __name__ == "__main__":
    port = int(os.environ["WORKER_PORT"])
    cli.run_app(WorkerOptions(entrypoint, agent_name="theirs", host="127.0.0.1", port=port))
"""


async def test_a_program_that_is_not_this_projects_worker(
    project: HealthyProject, doctor: Doctor, tmp_path: Path
) -> None:
    with listening(b"") as address:
        port = address.partition(":")[2]
        assert await doctor({"WORKER_PORT": port}) == "no-livekit-worker"
    fake = json.dumps({"agent_name": NAME, "sdk_version": "1.8.9"}).encode()
    with listening(fake) as address:
        port = address.partition(":")[2]
        assert await doctor({"WORKER_PORT": port}) == ""
        assert "Another worker sent it" in doctor.seen
    port = str(free_ports(1)[0])
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")
    with project.livekit.worker("theirs", WORKER_PORT=port, PYTHONPATH=str(tmp_path)):
        assert await doctor({"WORKER_PORT": port}) == "named-worker"


async def test_it_says_if_the_server_stops_answering(
    project: HealthyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def silent(*_: object) -> NoReturn:
        raise TimeoutError

    monkeypatch.setattr(rooms, "check", silent)
    for variable, value in project.env.items():
        monkeypatch.setenv(variable, value)
    assert await asyncio.to_thread(main, ["--room", "new", "--json"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": "The LiveKit server stopped answering."}
    assert "Could not check." in printed.err


async def test_what_a_person_reads(project: HealthyProject) -> None:
    env = {**project.env, "WORKER_PORT": "1"}
    token = project.token(secret="of-another-project-with-32-letters")
    found = await asyncio.to_thread(run, "app.doctor", "--token", token, env=env)
    assert found.returncode == 1
    assert found.stderr == ""
    assert project.livekit.secret not in found.stdout
    assert "eyJ" not in found.stdout
    assert "problem  No worker answers at http://127.0.0.1:1." in found.stdout
    assert "1. No worker answers at http://127.0.0.1:1." in found.stdout
    assert "-> Start it: uv run python -m app.agent dev" in found.stdout
