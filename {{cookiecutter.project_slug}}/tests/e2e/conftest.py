from collections.abc import Iterator

import pytest

from tests.e2e.programs import LiveKit, livekit_running


@pytest.fixture(scope="session")
def livekit() -> Iterator[LiveKit]:
    """A real LiveKit server, with one worker of this project."""
    with livekit_running() as livekit, livekit.worker():
        yield livekit


@pytest.fixture(scope="session")
def backend(livekit: LiveKit) -> Iterator[str]:
    """The URL of the real token backend."""
    with livekit.backend() as url:
        yield url
