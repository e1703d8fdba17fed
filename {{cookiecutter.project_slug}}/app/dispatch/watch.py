"""Check rooms when a worker registers and when its jobs end."""

import asyncio
import os
import socket
import sys
from typing import Any, Protocol

from livekit.agents.ipc.job_executor import JobExecutor

from app.dispatch import names
from app.dispatch.rooms import Rooms
from app.settings import Settings

# The token backend dispatches first, if LiveKit's webhooks reach it.
BACKEND_HEAD_START_SECONDS = 1


class Worker(Protocol):
    """AgentServer or, before livekit-agents 1.3, Worker: no public event tells that a job ended."""

    _proc_pool: Any

    @property
    def id(self) -> str: ...
    def on(self, event: Any, callback: Any) -> Any: ...


def exit_if_taken(settings: Settings) -> None:
    """End the program if WORKER_PORT is taken. The SDK would log a traceback, and exit with 0."""
    host, port = settings.worker_host, settings.worker_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # Not SystemExit, which would end in tracebacks of the SDK's tasks.
        print(f"WORKER_PORT {port} cannot be used: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(1)


def keep_watch(worker: Worker, settings: Settings) -> None:
    """Check all rooms once `worker` has registered, and a room when its job there has ended."""
    if settings.dispatch_ensure and not names.is_simulation():
        watch = Watch(worker, settings)
        worker.on("worker_registered", watch.on_registered)
        if worker.id != "unregistered":
            watch.on_registered()


class Watch:
    """Checks rooms for as long as `worker` runs."""

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
        async with self._rooms:
            while True:
                await self._registered.wait()
                self._registered.clear()
                self._rooms.check_all()

    def _on_job_ended(self, process: JobExecutor) -> None:
        """Remove the agent from its room, and send another one if necessary."""
        if ended := process.running_job:
            room = ended.job.room.name
            self._rooms.remove(room, ended.accept_arguments.identity)
            started_at = ended.job.state.started_at / 1e9
            self._rooms.schedule(room, BACKEND_HEAD_START_SECONDS, settled_before=started_at)
