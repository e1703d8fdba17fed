"""What a worker watches: when it can take jobs, and how its jobs end."""

import asyncio
import inspect
from collections.abc import Callable

from livekit.agents import AgentServer
from livekit.agents.job import RunningJobInfo

from app import dispatch
from app.rooms import Rooms
from app.settings import Settings

INTERVAL = 0.1  # seconds
REPORTED = (1, 3)  # seconds; the SDK tells the server the worker's load every 2.5
# Seconds for the token backend to send another agent, if LiveKit's webhooks reach it.
BACKEND_FIRST = 1


def keep_watch(server: AgentServer, settings: Settings) -> None:
    """From its registration on, lets `server` look after the rooms that concern it."""
    registered = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []  # asyncio itself does not keep them alive

    @server.on("worker_registered")
    def on_registered(*_: object) -> None:
        registered.set()
        if settings.dispatch_ensure and not tasks:
            tasks.append(asyncio.create_task(watch(server, Rooms(settings), registered)))


async def watch(server: AgentServer, rooms: Rooms, registered: asyncio.Event) -> None:
    """Watches until it is cancelled.

    Args:
        registered: is set whenever the worker has registered.
    """
    jobs: dict[str, RunningJobInfo] = {}
    was_full = False
    async with rooms:
        while True:
            await asyncio.sleep(INTERVAL)

            running = {info.job.id: info for info in server.active_jobs}
            for ended in jobs.keys() - running.keys():
                after_job(jobs[ended], rooms)
            jobs = running

            is_full = await asyncio.to_thread(load_of, server) >= dispatch.FULL
            if registered.is_set():
                registered.clear()
                rooms.look_at_all()
            if was_full and not is_full:
                for seconds in REPORTED:
                    rooms.look_at_all(seconds)
            was_full = is_full


def after_job(ended: RunningJobInfo, rooms: Rooms) -> None:
    """Makes sure that the agent has left its room, and that another one comes if it has to."""
    room = ended.job.room
    rooms.remove(room.name, ended.accept_arguments.identity)
    if dispatch.requirement(room.metadata):
        rooms.look_at(room.name, BACKEND_FIRST, spent=ended.job.state.started_at / 1e9)


def load_of(server: AgentServer) -> float:
    """What the worker tells the server of its load."""
    load: Callable[..., float] | None = server.load_fnc
    assert load  # noqa: S101  from its start on, it has one
    return load(server) if inspect.signature(load).parameters else load()
