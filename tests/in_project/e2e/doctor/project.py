"""A healthy project, and the doctor that examines it."""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from livekit.api import AccessToken, CreateRoomRequest, RoomAgentDispatch, VideoGrants

from app.dispatch.names import our_name
from app.doctor.__main__ import main
from app.doctor.worker import worker_at
from app.settings import Settings
from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

NAME = our_name(Settings())
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
            worker = await worker_at(f"http://127.0.0.1:{self.env['WORKER_PORT']}")
            if worker and (worker.load == load or not worker.sdk_version):
                return
            await asyncio.sleep(0.1)


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
