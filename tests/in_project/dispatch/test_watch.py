"""When a worker checks the rooms. (How its jobs end: tests/e2e/test_reliability.py.)"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from app.dispatch import watch
from app.dispatch.watch import keep_watch
from app.settings import load_settings


class RoomsThatCount:
    """Counts how often all rooms are checked."""

    def __init__(self) -> None:
        self.checks: asyncio.Queue[None] = asyncio.Queue()

    async def __aenter__(self) -> "RoomsThatCount":
        self.user = asyncio.current_task()
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def check_all(self) -> None:
        self.checks.put_nowait(None)


class FakeWorker:
    """A worker that can register, and do so again."""

    id = "unregistered"
    _proc_pool: Any = SimpleNamespace(on=lambda *_: None)

    def on(self, event: str, callback: Any) -> None:
        self.register = callback


async def test_all_rooms_are_checked_each_time_the_worker_registers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms: Any = RoomsThatCount()
    monkeypatch.setattr(watch, "Rooms", lambda _: rooms)
    worker = FakeWorker()
    keep_watch(worker, load_settings().model_copy(update={"dispatch_ensure": True}))
    async with asyncio.timeout(10):
        worker.register()
        await rooms.checks.get()
        worker.register()
        await rooms.checks.get()
    assert rooms.checks.empty()
    rooms.user.cancel()
    await asyncio.gather(rooms.user, return_exceptions=True)
