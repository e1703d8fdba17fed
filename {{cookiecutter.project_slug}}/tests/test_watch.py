"""When a worker looks after the rooms. (How its jobs end: tests/e2e/test_reliability.py.)"""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.agents import AgentServer

from app import watch
from app.settings import load_settings
from app.watch import Watch


class RoomsThatCount:
    """Counts how often it is asked to look at all rooms."""

    looks = 0

    async def __aenter__(self) -> "RoomsThatCount":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def look_at_all(self) -> None:
        self.looks += 1


class Load:
    """A load function; `loads` says how high the load is at the n-th call."""

    def __init__(self, loads: Callable[[int], float]) -> None:
        self._loads = loads
        self.calls = 0

    def __call__(self) -> float:
        self.calls += 1
        return self._loads(self.calls)

    async def called(self, times: int) -> None:
        async with asyncio.timeout(10):
            until = self.calls + times
            while self.calls < until:
                await asyncio.sleep(0)


@pytest.fixture
async def watching(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[Load], tuple[Watch, RoomsThatCount]]]:
    monkeypatch.setattr(watch, "INTERVAL", 0)
    monkeypatch.setattr(watch, "REPORTED", (0,))
    started: list[Watch] = []

    def start(load: Load) -> tuple[Watch, RoomsThatCount]:
        pool = SimpleNamespace(on=lambda *_: None)
        server = cast(AgentServer, SimpleNamespace(load_fnc=load, _proc_pool=pool))
        started.append(Watch(server, load_settings()))
        rooms: Any = RoomsThatCount()
        monkeypatch.setattr(started[-1], "_rooms", rooms)
        started[-1].on_registered()
        return started[-1], rooms

    yield start
    for each in started:
        assert each._task
        each._task.cancel()
        await asyncio.gather(each._task, return_exceptions=True)


Start = Callable[[Load], tuple[Watch, RoomsThatCount]]


async def test_it_looks_whenever_the_worker_has_registered(watching: Start) -> None:
    load = Load(lambda _: 0)
    worker, rooms = watching(load)
    await load.called(5)
    assert rooms.looks == 1
    worker.on_registered()
    await load.called(5)
    assert rooms.looks == 2


async def test_it_looks_when_the_load_has_fallen(watching: Start) -> None:
    load = Load(lambda call: 0.7 if call < 5 else 0.69)
    _, rooms = watching(load)
    await load.called(20)
    assert rooms.looks == 2


async def test_a_load_that_goes_up_and_down_makes_no_storm(watching: Start) -> None:
    load = Load(lambda call: call % 2)
    _, rooms = watching(load)
    await load.called(100)
    assert rooms.looks == 2


async def test_a_load_function_that_fails_does_not_end_it(watching: Start) -> None:
    load = Load(lambda call: 1 / (call % 2))
    worker, rooms = watching(load)
    await load.called(10)
    worker.on_registered()
    await load.called(10)
    assert rooms.looks >= 2
