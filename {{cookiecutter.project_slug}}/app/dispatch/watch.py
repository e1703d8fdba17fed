"""Check rooms when a worker registers and when its jobs end."""

import asyncio
import os
import socket
import sys
from contextlib import ExitStack
from typing import Any

from livekit.agents.ipc.job_executor import JobExecutor

from app.dispatch import names
from app.dispatch.rooms import Rooms
from app.settings import Settings

# The token backend dispatches first, if LiveKit's webhooks reach it.
BACKEND_HEAD_START_SECONDS = 1


def exit_if_taken(settings: Settings) -> None:
    """End the program if a port of it is taken. The SDK would log a traceback, and exit with 0."""
    host = settings.worker_host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as opened:  # both at once, as they may be the same
        try:
            for name in ("WORKER_PORT", "WORKER_METRICS_PORT"):
                port = getattr(settings, name.lower(), 0)  # 1.0.23 has only the first
                opened.enter_context(socket.create_server((host, port), family=family))
        except (OSError, UnicodeError, TypeError) as error:  # not each text can name a host
            line = f"{name} {port} of WORKER_HOST {host} cannot be used: {error}"
            # Not SystemExit, which would end in tracebacks of the SDK's tasks.
            print(line, file=sys.stderr, flush=True)
            os._exit(1)


def keep_watch(worker: Any, settings: Settings) -> None:
    """Check all rooms once `worker` has registered, and a room when its job there has ended."""
    if not settings.dispatch_ensure or names.is_simulation():
        return
    rooms = Rooms(settings)
    tasks: list[asyncio.Task[None]] = []

    async def watch() -> None:
        async with rooms:
            worker._proc_pool.on("process_closed", on_job_ended)  # no public event tells this
            rooms.check_all()
            await asyncio.Event().wait()  # until the worker ends

    def on_registered(*_: object) -> None:
        if tasks:
            rooms.check_all()
        else:
            tasks.append(asyncio.create_task(watch()))

    def on_job_ended(process: JobExecutor) -> None:
        """Remove the agent from its room, and send another one if necessary."""
        if ended := process.running_job:
            room = ended.job.room.name
            rooms.remove(room, ended.accept_arguments.identity)
            started_at = ended.job.state.started_at / 1e9
            rooms.schedule(room, BACKEND_HEAD_START_SECONDS, settled_before=started_at)

    worker.on("worker_registered", on_registered)
    # begin only 1.0.23
    if worker.id != "unregistered":
        on_registered()
    # end only 1.0.23
