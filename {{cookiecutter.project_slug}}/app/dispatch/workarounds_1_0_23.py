"""What livekit-agents 1.0.23 does not do by itself, so that an agent comes in time and leaves.

Later releases do all of it. This one is pinned, so the private names that are used here stay.
"""

import asyncio
import contextlib
import multiprocessing

from livekit.agents import AgentSession, Plugin, Worker, __version__
from livekit.rtc import Room

from app.dispatch import proxy
from app.dispatch.load import report_load
from app.dispatch.watch import keep_watch
from app.settings import Settings

LEAVING = 5  # seconds to leave when the worker has died
SETTLED = 0.3  # seconds after which a state of the agent is told once more


class Preload(Plugin):
    """A package that the processes of jobs share, instead of each of them loading it (on Linux).

    Plugins are all that this release loads beforehand. With its own package among them, fifty rooms
    that opened at once had their agents after 11 seconds; without, not after 60 (two cores).
    """


Plugin.register_plugin(Preload("livekit.agents", __version__, "livekit.agents"))


class Load:
    """The load that this worker reports. The SDK asks twice a second, in a thread.

    Of all options, this is the only one that gets hold of the worker. So the watch begins here.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_watching = False

    def __call__(self, worker: Worker) -> float:
        if not self._is_watching:
            self._is_watching = True
            proxy.log_bypass(self._settings.livekit_url)
            drain_and_go_on(worker)
            worker._loop.call_soon_threadsafe(keep_watch, worker, self._settings)
        return report_load(worker)


def drain_and_go_on(worker: Worker) -> None:
    """Lets `worker` end the jobs that are left after its drain timeout.

    Else the timeout ends the SDK's own end with a traceback, and jobs run on for ever (measured).
    """
    drain = worker.drain

    async def drain_in_time(timeout: int | None = None) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await drain(timeout)

    worker.drain = drain_in_time  # type: ignore[method-assign]


def leave_with_worker(room: Room) -> None:
    """Lets the agent leave `room` when its worker dies.

    Else the process of the job ends without a word, and livekit-server lists the agent for another
    20 seconds (measured).
    """
    loop = asyncio.get_running_loop()
    worker = multiprocessing.parent_process()
    if not worker or multiprocessing.current_process().name != "job_proc":
        return  # jobs are threads of the worker, as on Windows
    sentinel = worker.sentinel

    def leave() -> None:
        loop.remove_reader(sentinel)
        leaving = asyncio.run_coroutine_threadsafe(room.disconnect(), loop)
        # The SDK lets the threads of this loop come to their end.
        loop.run_in_executor(None, leaving.result, LEAVING)

    loop.add_reader(sentinel, leave)


def repeat_state(room: Room, session: AgentSession[None]) -> None:
    """Tells `room` once more what the agent does, whenever that has not changed for a moment.

    The SDK does not wait for one state to arrive before it tells the next: of two that follow each
    other at once, the first may stay. After 18 of 80 sentences, an agent "spoke" on (measured).
    """
    waiting: list[asyncio.Task[None]] = []

    async def repeat() -> None:
        await asyncio.sleep(SETTLED)
        if room.isconnected():
            state = session.agent_state
            await room.local_participant.set_attributes({"lk.agent.state": state})

    def on_change(_: object) -> None:
        while waiting:
            waiting.pop().cancel()
        waiting.append(asyncio.create_task(repeat()))

    session.on("agent_state_changed", on_change)
