"""A stopping worker lets its conversations continue, and accepts no new ones."""

import asyncio
import subprocess

import pytest

from tests.e2e.person import Person
from tests.e2e.programs import LiveKit

JOB_SECONDS = 20


async def test_a_stopping_worker_exits_after_its_conversations() -> None:
    livekit = LiveKit()
    with livekit.running(), livekit.backend() as backend, livekit.worker() as worker:
        person = await Person.with_token_from(backend)
        agent = await person.meets_agent()
        worker.terminate()
        await person.says("You have been told to stop.")
        await person.hears("You have been told to stop.")
        late = await Person.with_token_from(backend)
        for second in range(JOB_SECONDS):
            with pytest.raises(subprocess.TimeoutExpired):
                await asyncio.to_thread(worker.wait, 1)
            words = f"after {second} s"
            await person.says(words)
            await person.hears(words)
            assert [participant.identity for participant in person.agents] == [agent.identity]
            assert not late.agents
            assert worker.poll() is None
        await late.leave()
        await person.leave()
        assert await asyncio.to_thread(worker.wait, 30) == 0
