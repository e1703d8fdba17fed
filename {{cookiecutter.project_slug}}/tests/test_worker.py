"""The worker's side of LiveKit's protocol. (The name it registers: tests/dispatch.)"""

from types import SimpleNamespace
from typing import cast

import pytest
from livekit.agents import AgentSession, CloseEvent, JobContext, WorkerOptions
from livekit.protocol.agent import WS_FULL
from prometheus_client import REGISTRY

from app import agent, assistant
from app.dispatch import load, presence
from app.dispatch.policy import LOAD_LIMIT, TARGET_LOAD
from tests.fake_dispatcher import FakeDispatcher
from tests.worker import ENDS


async def test_it_takes_a_job_however_busy_the_machine_is(dispatcher: FakeDispatcher) -> None:
    answer = await dispatcher.offer("room-1")
    assert answer.available
    assert await dispatcher.has_load(LOAD_LIMIT) != WS_FULL
    assert LOAD_LIMIT < TARGET_LOAD
    assert REGISTRY.get_sample_value("app_worker_load") == 1


def test_a_busy_machine_is_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loads = iter([0.1, 0.7, 1.0])
    monkeypatch.setattr(WorkerOptions, "load_fnc", lambda _: next(loads))
    monkeypatch.setattr(load, "_warned_at", -load.WARN_EVERY_SECONDS)
    assert [load.report_load(None) for _ in range(3)] == [0.1, LOAD_LIMIT, LOAD_LIMIT]
    assert caplog.messages == ["This machine is busy (load 0.70): start another worker elsewhere"]


@pytest.mark.parametrize(("end", "leaves"), ENDS)
async def test_an_agent_leaves_when_its_session_is_dead(
    monkeypatch: pytest.MonkeyPatch, end: CloseEvent, leaves: bool
) -> None:
    session = AgentSession[None]()
    shutdowns: list[str] = []
    job = cast(JobContext, SimpleNamespace(shutdown=shutdowns.append, room=None))

    async def join(*_: object) -> bool:
        return True

    async def start(_: JobContext) -> AgentSession[None]:
        return session

    monkeypatch.setattr(presence, "join", join)
    monkeypatch.setattr(assistant, "start", start)
    await agent.entrypoint(job)
    session.emit("close", end)
    assert bool(shutdowns) == leaves
