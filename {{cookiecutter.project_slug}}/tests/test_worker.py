"""The worker's side of LiveKit's protocol. (The name it registers: test_dispatch_….py.)"""

import pytest

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
