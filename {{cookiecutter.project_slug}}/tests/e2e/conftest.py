import os
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page

from tests.e2e import chromium
from tests.e2e.programs import LiveKit, livekit_running

for name in ("HTTP_PROXY", "http_proxy"):  # the tests join rooms without a proxy
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def livekit() -> Iterator[LiveKit]:
    """A real LiveKit server with one worker of this project."""
    with livekit_running() as livekit, livekit.worker():
        yield livekit


@pytest.fixture(scope="session")
def backend(livekit: LiveKit) -> Iterator[str]:
    """The URL of a real token backend."""
    with livekit.backend() as url:
        yield url


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium with a beep as its microphone."""
    async with chromium.running() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page in which no script may fail."""
    async with chromium.new_page(browser) as page:
        yield page
