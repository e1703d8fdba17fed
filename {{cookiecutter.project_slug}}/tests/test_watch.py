"""When a worker looks after the rooms. (How its jobs end: tests/e2e/test_reliability.py.)"""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app import watch
from app.settings import load_settings
from app.watch import keep_watch


class RoomsThatCount:
    """Counts how often it is asked to look at all rooms."""

    looks = 0

    async def __aenter__(self) -> "RoomsThatCount":
        self.user = asyncio.current_task()
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def look_at_all(self) -> None:
        self.looks += 1


class FakeWorker:
    """A worker whose load is `loads(n)` when it is read for the n-th time."""

    id = "AW_1"
    _proc_pool: Any = SimpleNamespace(on=lambda *_: None)

    def __init__(self, loads: Callable[[int], float]) -> None:
        self._loads = loads
        self._reads = 0

    @property
    def _worker_load(self) -> float:
        self._reads += 1
        return self._loads(self._reads)

    def on(self, event: str, callback: Callable[[], None]) -> None:
        self.register = callback

    async def is_read(self, times: int) -> None:
        async with asyncio.timeout(10):
            until = self._reads + times
            while self._reads < until:
                await asyncio.sleep(0)


Start = Callable[[Callable[[int], float]], tuple[FakeWorker, RoomsThatCount]]


@pytest.fixture
async def watching(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    monkeypatch.setattr(watch, "REPORTED", (0,))
    rooms: Any = RoomsThatCount()
    monkeypatch.setattr(watch, "Rooms", lambda _: rooms)
    settings = load_settings().model_copy(update={"dispatch_ensure": True})

    def start(loads: Callable[[int], float]) -> tuple[FakeWorker, RoomsThatCount]:
        worker = FakeWorker(loads)
        keep_watch(worker, settings)
        return worker, rooms

    yield start
    rooms.user.cancel()
    await asyncio.gather(rooms.user, return_exceptions=True)


async def test_it_looks_whenever_the_worker_has_registered(watching: Start) -> None:
    worker, rooms = watching(lambda _: 0)
    await worker.is_read(5)
    assert rooms.looks == 1
    worker.register()
    await worker.is_read(5)
    assert rooms.looks == 2


async def test_it_looks_when_the_load_has_fallen(watching: Start) -> None:
    worker, rooms = watching(lambda read: 0.7 if read < 5 else 0.69)
    await worker.is_read(20)
    assert rooms.looks == 2


async def test_a_load_that_goes_up_and_down_makes_no_storm(watching: Start) -> None:
    worker, rooms = watching(lambda read: read % 2)
    await worker.is_read(100)
    assert rooms.looks == 2
