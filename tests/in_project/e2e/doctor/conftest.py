import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from livekit.api import RoomAgentDispatch

from app.settings import Settings
from tests.e2e.doctor.project import (
    NAME,
    Doctor,
    HealthyProject,
    join,
    open_room,
)
from tests.e2e.programs import LiveKit, free_ports


@pytest.fixture(scope="package")
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


@pytest.fixture
def doctor(
    project: HealthyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    return Doctor(project, monkeypatch, capsys)
