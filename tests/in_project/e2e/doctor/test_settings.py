"""Causes in the settings, and at the server that they name."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.doctor.project import (
    Doctor,
    HealthyProject,
    listening,
)
from tests.e2e.person import Person
from tests.e2e.programs import PROJECT, lack


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
            assert await doctor({"LIVEKIT_URL": f"ws://bob:hunter2@{address}"}) == "settings-extra"
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
