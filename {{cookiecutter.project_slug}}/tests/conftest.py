import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from livekit.agents import WorkerOptions

from tests.fake_dispatcher import FakeDispatcher

# Set before `app` is imported, because its modules read the settings on import. Real variables
# override the developer's .env. Nothing listens on port 1.
os.environ |= {
    "LIVEKIT_URL": "ws://127.0.0.1:1",
    "LIVEKIT_API_KEY": "test-key",
    "LIVEKIT_API_SECRET": "test-secret-of-32-characters-----",
    "LIVEKIT_AGENT_NAME": "concierge",  # only explicit
    "WORKER_HOST": "127.0.0.1",
    "WORKER_PORT": "0",
    "WORKER_NUM_IDLE_PROCESSES": "0",
    "WORKER_METRICS_PORT": "0",  # only 1.8
    "TOKEN_METRICS_PORT": "0",
    "TOKEN_SERVER_URL": "ws://127.0.0.1:1",
    "DISPATCH_ENSURE": "false",
}


@pytest.fixture
async def dispatcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDispatcher]:
    """A fake dispatcher with which the real worker, on a saturated machine, has registered."""
    from tests import worker

    monkeypatch.setattr(WorkerOptions, "load_fnc", lambda _: 1.0)
    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor()
    loop.set_default_executor(threads)
    async with FakeDispatcher() as dispatcher:
        server = worker.at(dispatcher.url)
        running = asyncio.create_task(server.run())
        await asyncio.wait_for(asyncio.shield(dispatcher.registration), 10)
        yield dispatcher
        await server.aclose()
        await asyncio.gather(running, return_exceptions=True)  # older releases are cancelled
    threads.shutdown()  # the last measurement of the load would log in the next test
    loop.set_default_executor(ThreadPoolExecutor())
