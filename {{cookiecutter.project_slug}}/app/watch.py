"""What a worker watches: when it can take jobs, and how its jobs end."""

import asyncio
from typing import Any, Protocol

from livekit.agents.ipc.job_executor import JobExecutor

from app import dispatch
from app.rooms import Rooms
from app.settings import Settings

INTERVAL = 0.5  # seconds between two looks at the load
# When the load has fallen, the rooms are looked at after so many seconds: the SDK tells the server
# the load every 2.5. Then not for a while, though it may go up and down.
REPORTED = (1, 2, 3)
CALM = 10
# Seconds for the token backend to send another agent, if LiveKit's webhooks reach it.
BACKEND_FIRST = 1


class Worker(Protocol):
    """What AgentServer and, before livekit-agents 1.3, Worker have in common.

    Neither has anything public for its load and for the end of a job.
    """

    _proc_pool: Any

    @property
    def _worker_load(self) -> float: ...
    @property
    def id(self) -> str: ...
    def on(self, event: Any, callback: Any) -> Any: ...


def keep_watch(worker: Worker, settings: Settings) -> None:
    """From its registration on, lets `worker` look after the rooms that concern it."""
    if settings.dispatch_ensure:
        watch = Watch(worker, settings)
        worker.on("worker_registered", watch.on_registered)
        if worker.id != "unregistered":
            watch.on_registered()


class Watch:
    """The watch that `worker` keeps while it runs."""

    def __init__(self, worker: Worker, settings: Settings) -> None:
        self._worker = worker
        self._rooms = Rooms(settings)
        self._task: asyncio.Task[None] | None = None
        self._registered = asyncio.Event()

    def on_registered(self, *_: object) -> None:
        self._registered.set()
        if not self._task:
            self._task = asyncio.create_task(self._watch())
            self._worker._proc_pool.on("process_closed", self._on_job_ended)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        due: list[float] = []
        was_full, calm_until = False, 0.0
        async with self._rooms:
            while True:
                # With such a load, the server passes over this worker.
                is_full = self._worker._worker_load >= dispatch.FULL
                now = loop.time()
                if self._registered.is_set():
                    self._registered.clear()
                    due = [now]
                elif was_full and not is_full and now > calm_until:
                    due = [now + seconds for seconds in REPORTED]
                    calm_until = now + CALM
                if due and due[0] <= now:
                    due.pop(0)
                    self._rooms.look_at_all()
                was_full = is_full
                await asyncio.sleep(INTERVAL)

    def _on_job_ended(self, process: JobExecutor) -> None:
        """Makes sure that the agent has left its room, and that another one comes if it has to."""
        if ended := process.running_job:
            room = ended.job.room.name
            self._rooms.remove(room, ended.accept_arguments.identity)
            self._rooms.look_at(room, BACKEND_FIRST, spent=ended.job.state.started_at / 1e9)
