"""The worker of a case. Runs in the environment of the measured SDK, old or new.

The environment sets its behaviour: DISPATCH_WORKER is JSON with `options` for WorkerOptions and the
names of an `entrypoint` and optionally a request `handler` of this file. DISPATCH_LOAD is a file
with the load to report, so that other load on this machine makes no difference.
"""

import asyncio
import json
import os
import signal
from pathlib import Path

from livekit.agents import JobContext, JobRequest, WorkerOptions, cli

BEHAVIOUR = json.loads(os.environ["DISPATCH_WORKER"])


def load(*_: object) -> float:
    return float(Path(os.environ["DISPATCH_LOAD"]).read_text())


async def stays(ctx: JobContext) -> None:
    await ctx.connect()
    # The server announces silent participants up to three seconds late; this one is not silent.
    await ctx.room.local_participant.set_attributes({"is": "here"})


async def raises_first(ctx: JobContext) -> None:
    raise RuntimeError("raised on purpose")


async def raises_in_the_room(ctx: JobContext) -> None:
    await stays(ctx)
    await asyncio.sleep(1)
    raise RuntimeError("raised on purpose")


async def is_killed(ctx: JobContext) -> None:
    await stays(ctx)
    await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


async def accept(request: JobRequest) -> None:
    await request.accept()


async def accept_with_a_name(request: JobRequest) -> None:
    await request.accept(name="Greeter", identity="greeter")


async def accept_without_await(request: JobRequest) -> None:
    request.accept()  # type: ignore[unused-coroutine]


def accept_in_a_plain_function(request: JobRequest) -> None:
    request.accept()  # type: ignore[unused-coroutine]


async def accept_after_2_5_seconds(request: JobRequest) -> None:
    await asyncio.sleep(2.5)
    await request.accept()


async def accept_after_4_seconds(request: JobRequest) -> None:
    await asyncio.sleep(4)
    await request.accept()


async def return_true(request: JobRequest) -> bool:
    return True


async def return_none(request: JobRequest) -> None:
    return None


async def raise_an_error(request: JobRequest) -> None:
    raise RuntimeError("raised on purpose")


async def reject(request: JobRequest) -> None:
    await request.reject()


def prewarm(process: object) -> None:
    """Do nothing; the guide's configuration has a prewarm function."""


if __name__ == "__main__":
    options = {
        "ws_url": os.environ["LIVEKIT_URL"],
        "api_key": os.environ["LIVEKIT_API_KEY"],
        "api_secret": os.environ["LIVEKIT_API_SECRET"],
        "host": "127.0.0.1",
        "port": 0,
        "load_fnc": load,
        **BEHAVIOUR["options"],
    }
    if BEHAVIOUR["handler"]:
        options["request_fnc"] = globals()[BEHAVIOUR["handler"]]
    entrypoint = globals()[BEHAVIOUR["entrypoint"]]
    cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, prewarm_fnc=prewarm, **options))
