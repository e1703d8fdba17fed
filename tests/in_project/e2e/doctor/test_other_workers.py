"""The doctor tells whose worker has the worker's port, and who else is in a room."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit.api import AccessToken, CreateRoomRequest, RoomAgentDispatch, VideoGrants

from app.dispatch.names import our_name
from app.settings import Settings
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, LiveKit, free_ports

NAME = our_name(Settings())
OFF = {"DISPATCH_ENSURE": "false"}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveKit]:
    livekit = LiveKit()
    with livekit.running():
        yield livekit


@pytest.fixture
def other_project(tmp_path: Path) -> Path:
    for folder in ("app", "tests", "dev"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


async def doctor(livekit: LiveKit, *arguments: str, **env: str) -> list[dict[str, Any]]:
    """Return what the doctor finds wrong. Another project's backend may use the default port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.doctor", "--json", *arguments),
        cwd=PROJECT,
        env=environment(livekit, env),
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    diagnosis: list[dict[str, Any]] = json.loads(printed)["diagnosis"]
    return [finding for finding in diagnosis if finding["check"] != "backend"]


def environment(livekit: LiveKit, env: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **livekit.env, **env}


async def test_a_worker_that_uses_another_server(server: LiveKit, other_project: Path) -> None:
    (port,) = free_ports(1)
    theirs = LiveKit(folder=other_project)
    ours = LiveKit(_ports=theirs._ports, secret=theirs.secret)
    with theirs.running():
        with theirs.worker("app.agent", WORKER_PORT=str(port), **OFF):
            found = await doctor(server, WORKER_PORT=str(port))
            assert [finding["cause"] for finding in found] == ["another-projects-worker"]
            assert str(other_project) in found[0]["seen"]
        with ours.worker("app.agent", WORKER_PORT=str(port), **OFF):
            found = await doctor(server, WORKER_PORT=str(port))
            assert [finding["cause"] for finding in found] == ["worker-elsewhere"]


async def test_a_second_project_on_the_same_server(server: LiveKit, other_project: Path) -> None:
    one, two = map(str, free_ports(2))
    theirs = LiveKit(_ports=server._ports, secret=server.secret, folder=other_project)
    with theirs.worker("app.agent", WORKER_PORT=two, **OFF):
        found = await doctor(server, WORKER_PORT=two)
        assert found[0]["cause"] == "second-project"
        with server.worker("app.agent", WORKER_PORT=one, **OFF):
            found = await doctor(server, WORKER_PORT=one)
            assert [finding["cause"] for finding in found] == ["second-project"]
            assert str(other_project) in found[0]["seen"]
    with server.worker("app.agent", WORKER_PORT=one, **OFF):
        assert await doctor(server, WORKER_PORT=one) == []


async def join(livekit: LiveKit, room: str, identity: str, is_agent: bool = False) -> Person:
    token = AccessToken(livekit.key, livekit.secret).with_identity(identity)
    token.with_grants(VideoGrants(room_join=True, room=room))
    if is_agent:
        token.with_kind("agent").with_attributes({"lk.agent_name": NAME})
    return await Person.with_token(livekit.url, token.to_jwt())


@pytest.mark.parametrize(
    ("agents", "cause"),
    [
        (["agent-AJ_one"], ""),
        (["somebody"], "foreign-agent"),
        (["agent-AJ_one", "agent-AJ_two"], "room-of-several"),
    ],
)
async def test_agents_in_a_room(server: LiveKit, agents: list[str], cause: str) -> None:
    room = f"with {len(agents)} {agents[0]}"
    people = [await join(server, room, "ann")]
    people += [await join(server, room, agent, is_agent=True) for agent in agents]
    found = [f for f in await doctor(server, "--room", room) if f["check"] == "room"]
    assert [finding["cause"] for finding in found] == ([cause] if cause else [])
    await asyncio.gather(*(person.leave() for person in people))


async def test_a_room_whose_agent_has_left(server: LiveKit, tmp_path: Path) -> None:
    (tmp_path / "exception").touch()
    faulty = "tests.e2e.faulty_worker"
    with server.worker(faulty, PLAIN="true", FAULTS=str(tmp_path), **OFF):
        async with server.api() as api:
            agents = [RoomAgentDispatch(agent_name=NAME)]
            await api.room.create_room(CreateRoomRequest(name="unlucky", agents=agents))
        person = await join(server, "unlucky", "ann")
        causes: set[str] = set()
        async with asyncio.timeout(180):
            # Only after a few seconds does the server list that a worker took the job.
            while "room-unattended" not in causes:
                env = {"DISPATCH_SWEEP_SECONDS": "1"}
                found = await doctor(server, "--room", "unlucky", **env)
                causes |= {f["cause"] for f in found if f["check"] == "room"}
        assert "agent-gone" in causes
        found = await doctor(server, "--room", "unlucky", **OFF)
        (finding,) = [f for f in found if f["check"] == "room"]
        assert finding["cause"] == "promise-off"
        assert "1 agent has come and gone" in finding["seen"]
        await person.leave()


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.5])
async def test_ctrl_c_ends_it_without_a_traceback(server: LiveKit, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.doctor"),
        cwd=PROJECT,
        env=environment(server, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # The moment does not matter: whatever it does then, it must not print a traceback.
    await asyncio.sleep(seconds)
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    if seconds > 0.05:  # earlier, Python itself is starting
        assert errors in (b"", b"Could not check. Interrupted.\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--json"]])
async def test_a_pipe_that_is_closed(server: LiveKit, arguments: list[str]) -> None:
    command = " ".join([sys.executable, "-m", "app.doctor", *arguments])
    process = await asyncio.create_subprocess_shell(
        f"{command} | head -1",
        cwd=PROJECT,
        env=environment(server, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, errors = await process.communicate()
    assert printed.count(b"\n") == 1
    assert errors == b""
