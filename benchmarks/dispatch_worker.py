"""The worker of dispatch_plays.py. Runs in the environment of the SDK that is measured, old or new.

The environment says how it behaves: DISPATCH_WORKER is JSON with `options` of WorkerOptions and the
names of an `entrypoint` and, if there is to be one, a request `handler` of this file. DISPATCH_LOAD
is a file that holds the load it reports, so that the noise of this machine does not decide.
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
    # The server holds silent arrivals back for up to three seconds; this is not silent.
    await ctx.room.local_participant.set_attributes({"is": "here"})


async def raises_first(ctx: JobContext) -> None:
    raise RuntimeError("as the case wants it")


async def raises_in_the_room(ctx: JobContext) -> None:
    await stays(ctx)
    await asyncio.sleep(1)
    raise RuntimeError("as the case wants it")


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
    raise RuntimeError("as the case wants it")


async def reject(request: JobRequest) -> None:
    await request.reject()


def prewarm(process: object) -> None:
    """The guide's configuration has one."""


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
