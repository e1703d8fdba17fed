"""The worker's side of LiveKit's protocol. (The name it registers: test_dispatch_….py.)"""

import pytest
from livekit.agents import AgentSession, CloseEvent, CloseReason, JobContext
from livekit.agents.testing import fake_job_context

from app import agent, assistant, jobs
from app.agent import server
from tests.fake_dispatcher import FakeDispatcher


async def test_it_takes_a_job(dispatcher: FakeDispatcher) -> None:
    answer = await dispatcher.offer("room-1")
    assert answer.available


async def test_it_takes_a_job_however_busy_the_machine_is(
    dispatcher: FakeDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "load_fnc", lambda: 1.0)
    answer = await dispatcher.offer("room-2")
    assert answer.available


@pytest.mark.parametrize(
    ("reason", "leaves"),
    [
        (CloseReason.ERROR, True),
        (CloseReason.PARTICIPANT_DISCONNECTED, True),
        (CloseReason.USER_INITIATED, False),
    ],
)
async def test_an_agent_leaves_when_nobody_can_speak_with_it_any_more(
    monkeypatch: pytest.MonkeyPatch, reason: CloseReason, leaves: bool
) -> None:
    session = AgentSession[None]()
    shutdowns: list[str] = []

    async def join(*_: object) -> bool:
        return True

    async def start(_: JobContext) -> AgentSession[None]:
        return session

    monkeypatch.setattr(jobs, "join", join)
    monkeypatch.setattr(assistant, "start", start)
    with fake_job_context() as job:
        monkeypatch.setattr(job, "shutdown", shutdowns.append)
        await agent.entrypoint(job)
        session.emit("close", CloseEvent(reason=reason))
    assert bool(shutdowns) == leaves
