# file only pipeline or realtime
"""Without a key for its models, the agent still joins, and says which key is missing."""

import asyncio
import signal

import aiohttp
import pytest

from tests.e2e.person import TIMEOUT, Person
from tests.e2e.programs import free_ports, livekit_running

MISSING = "LIVEKIT_INFERENCE_API_KEY or LIVEKIT_INFERENCE_API_SECRET is missing: "  # only pipeline
MISSING = "OPENAI_API_KEY is missing: "  # only realtime


async def test_it_joins_and_says_which_key_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    (port,) = free_ports(1)
    env = {"WORKER_PORT": str(port)}
    env |= {"LIVEKIT_INFERENCE_API_KEY": "", "LIVEKIT_INFERENCE_API_SECRET": ""}  # only pipeline
    env["OPENAI_API_KEY"] = ""  # only realtime
    with (
        livekit_running() as livekit,
        livekit.backend() as backend,
        livekit.worker("tests.e2e.worker_without_env_file", **env) as worker,
    ):
        person = await Person.with_token_from(backend)
        await person.meets_agent()
        await person.hears(MISSING)
        await person.says("Are you there?")
        await person.hears("I cannot answer “Are you there?”")
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/") as health:
            assert health.status == 200
        assert len(person.heard) == 2
        await person.leave()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, TIMEOUT) == 0
    log = capsys.readouterr().out
    assert log.count(MISSING) == 1
    assert "Traceback" not in log
