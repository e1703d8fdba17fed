"""Workarounds for livekit-agents 1.0.23, so that agents join in time and leave.

Later releases need none of them. This one is pinned, so the private names used here will stay.
"""

import asyncio
import contextlib
import multiprocessing

from livekit.agents import AgentSession, Plugin, Worker, __version__
from livekit.rtc import Room

from app.dispatch.load import report_load
from app.dispatch.watch import keep_watch
from app.settings import Settings

LEAVE_TIMEOUT_SECONDS = 5
POLL_SECONDS = 0.1
SETTLE_SECONDS = 0.3  # an agent state that lasts this long is sent again


class Preload(Plugin):
    """A package that is imported once for all job processes, not in each of them (on Linux).

    This release preloads only plugins. With its own package among them, fifty rooms that opened at
    once had their agents after 11 seconds; without it, not after 60 (two cores).
    """


Plugin.register_plugin(Preload("livekit.agents", __version__, "livekit.agents"))


class Load:
    """The load that this worker reports. The SDK calls it twice a second, in a thread.

    No other option has access to the worker, so the room checks start here.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_watching = False

    def __call__(self, worker: Worker) -> float:
        if not self._is_watching:
            self._is_watching = True
            shut_down_after_drain(worker)
            worker._loop.call_soon_threadsafe(keep_watch, worker, self._settings)
        return report_load(worker)


def shut_down_after_drain(worker: Worker) -> None:
    """Make `worker` wait for all its jobs, and end those that outlast its drain timeout.

    The SDK passes over some jobs while others end, and cuts them off. The timeout would abort its
    shutdown with a traceback, and jobs would go on (both measured).
    """
    drain = worker.drain

    async def drain_in_time(timeout: int | None = None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(timeout):
                await drain()
                while worker.active_jobs:
                    await asyncio.sleep(POLL_SECONDS)

    worker.drain = drain_in_time  # type: ignore[method-assign]


def leave_with_worker(room: Room) -> None:
    """Make the agent leave `room` when its worker dies.

    Otherwise the job's process exits without leaving, and livekit-server lists the agent for
    another 20 seconds (measured).
    """
    loop = asyncio.get_running_loop()
    worker = multiprocessing.parent_process()
    if not worker or multiprocessing.current_process().name != "job_proc":
        return  # jobs are threads of the worker, as on Windows
    sentinel = worker.sentinel

    def leave() -> None:
        loop.remove_reader(sentinel)
        leaving = asyncio.run_coroutine_threadsafe(room.disconnect(), loop)
        # The SDK waits for the executor threads of this loop.
        loop.run_in_executor(None, leaving.result, LEAVE_TIMEOUT_SECONDS)

    loop.add_reader(sentinel, leave)


def repeat_state(room: Room, session: AgentSession[None]) -> None:
    """Send the agent's state to `room` again once it has settled.

    The SDK does not wait for one state to arrive before it sends the next, so the older of two may
    arrive last. After 18 of 80 sentences, the state stayed "speaking" (measured).
    """
    waiting: list[asyncio.Task[None]] = []

    async def repeat() -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        if room.isconnected():
            state = session.agent_state
            await room.local_participant.set_attributes({"lk.agent.state": state})

    def on_change(_: object) -> None:
        while waiting:
            waiting.pop().cancel()
        waiting.append(asyncio.create_task(repeat()))

    session.on("agent_state_changed", on_change)
