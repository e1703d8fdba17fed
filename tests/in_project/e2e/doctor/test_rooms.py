"""Causes in a room."""

import asyncio
import json
from typing import NoReturn

import pytest

from app.doctor import rooms
from app.doctor.__main__ import main
from tests.e2e.doctor.project import (
    Doctor,
    HealthyProject,
    open_room,
)

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
