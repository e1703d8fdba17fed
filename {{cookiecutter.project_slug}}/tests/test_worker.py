"""The worker's side of LiveKit's protocol. (The name it registers: test_dispatch_….py.)"""

from types import SimpleNamespace
from typing import cast

import pytest
from livekit.agents import AgentSession, CloseEvent, JobContext
from livekit.protocol.agent import WS_FULL

from app import agent, assistant, jobs
from tests.fake_dispatcher import FakeDispatcher
from tests.worker import ENDS


async def test_it_takes_a_job_however_busy_the_machine_is(dispatcher: FakeDispatcher) -> None:
    answer = await dispatcher.offer("room-1")
    assert answer.available
    assert await dispatcher.has_load(1) != WS_FULL


@pytest.mark.parametrize(("end", "leaves"), ENDS)
async def test_an_agent_leaves_when_nobody_can_speak_with_it_any_more(
    monkeypatch: pytest.MonkeyPatch, end: CloseEvent, leaves: bool
) -> None:
    session = AgentSession[None]()
    shutdowns: list[str] = []
    job = cast(JobContext, SimpleNamespace(shutdown=shutdowns.append, room=None))

    async def join(*_: object) -> bool:
        return True

    async def start(_: JobContext) -> AgentSession[None]:
        return session

    monkeypatch.setattr(jobs, "join", join)
    monkeypatch.setattr(assistant, "start", start)
    await agent.entrypoint(job)
    session.emit("close", end)
    assert bool(shutdowns) == leaves
