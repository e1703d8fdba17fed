"""This project's worker with faults on demand: tests request them by creating files in FAULTS.

With PLAIN, it leaves load, names and proxies to the SDK, to measure what plain LiveKit does.
"""

import os
from importlib import import_module  # only pipeline
from pathlib import Path
from typing import Any

from livekit.agents import (
    AgentServer,  # only 1.8
    AgentSession,
    JobContext,
    JobRequest,
    WorkerOptions,
)

from app import assistant
from app.dispatch import names, presence, proxy, server

FAULTS = Path(os.environ["FAULTS"])
PLAIN = bool(os.environ.get("PLAIN"))

join, start = presence.join, assistant.start
participants, rooms = server.LiveKitServer.participants, server.LiveKitServer.rooms
measure: Any = WorkerOptions.load_fnc
run = AgentServer.run  # only 1.8


def is_asked_once(fault: str) -> bool:
    """Whether a test has requested this fault, which then happens only once."""
    is_asked = (FAULTS / fault).exists()
    (FAULTS / fault).unlink(missing_ok=True)
    return is_asked


async def join_or_fail(*arguments: Any) -> bool:
    if is_asked_once("exception"):
        raise RuntimeError("a fault on demand")
    return await join(*arguments)


async def start_and_record(job: JobContext) -> AgentSession[None]:
    with (FAULTS / "jobs").open("a") as file:
        file.write(f"{os.getpid()} {job.room.local_participant.identity}\n")
    return await start(job)


async def participants_or_fail(of: server.LiveKitServer, room: str) -> Any:
    if (FAULTS / "no-list").exists():
        raise TimeoutError("a fault on demand")
    return await participants(of, room)


async def rooms_or_fail(of: server.LiveKitServer, *only: Any) -> Any:
    if is_asked_once("no-rooms"):
        raise TimeoutError("a fault on demand")
    return await rooms(of, *only)


async def accept_or_not(request: JobRequest) -> None:
    if (FAULTS / "reject").exists():
        await request.reject()
    elif not (FAULTS / "no-answer").exists():
        await request.accept()


def load(worker: Any) -> float:
    """Return the SDK's load if the test is about load, else a fixed one: test machines are busy."""
    if (FAULTS / "real-load").exists():
        real: float = measure(worker)
        return real
    return 1.0 if (FAULTS / "full").exists() else 0.0


# begin only 1.8
async def run_with_toml(worker: AgentServer, **options: bool) -> None:
    """Imitate livekit-agents after 1.8.9, which reads `[agent] name` from livekit.toml (#7295)."""
    if (FAULTS / "livekit.toml").exists():
        setattr(worker, names.NAME_OF_WORKER, "another-agent")
    await run(worker, **options)


# end only 1.8
# Each job's process imports this module, too.
import_module("tests.e2e.scripted_worker")  # only pipeline
presence.join = join_or_fail  # type: ignore[assignment]
assistant.start = start_and_record
server.LiveKitServer.participants = participants_or_fail  # type: ignore[assignment, method-assign]
server.LiveKitServer.rooms = rooms_or_fail  # type: ignore[assignment]
presence.ALONE_SECONDS = float(os.environ.get("ALONE_SECONDS", presence.ALONE_SECONDS))
WorkerOptions.load_fnc = load
AgentServer.run = run_with_toml  # type: ignore[assignment]  # only 1.8
if PLAIN:
    names.ignore_names = lambda *_: None
    names.keep_name = lambda *_: None  # only 1.8
    proxy.is_bypassed = lambda url: False

from tests.e2e import release  # noqa: E402 (its import calls these functions)

if __name__ == "__main__":
    release.main(accept_or_not, load if PLAIN else None)
