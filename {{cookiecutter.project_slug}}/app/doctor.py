"""Why does no agent join? Looks at the LiveKit server, the worker and a room, until it finds out.

uv run python -m app.doctor --room ROOM

Run it where the worker runs. It ends with 0 if all is well and with 1 if something is not.
"""

import argparse
import asyncio
import http.client
import json
import sys
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import ClientError, ClientTimeout
from livekit.api import (
    ListParticipantsRequest,
    ListRoomsRequest,
    LiveKitAPI,
    TwirpError,
)

from app import dispatch
from app.settings import Settings, load_settings

TIMEOUT = 5  # seconds for worker or server to answer


@dataclass(frozen=True)
class Finding:
    """What was seen, and what to do about it."""

    level: Literal["ok", "warning", "problem"]
    seen: str
    advice: str = ""


async def examine(settings: Settings, room: str | None) -> AsyncIterator[Finding]:
    """Gives its findings one by one. After a problem comes none: it hides what lies behind it."""
    livekit = LiveKitAPI(
        settings.livekit_url,
        settings.livekit_api_key,
        settings.livekit_api_secret.get_secret_value(),
        timeout=ClientTimeout(total=TIMEOUT),
    )
    ours = ""  # only automatic
    ours = settings.livekit_agent_name  # only explicit
    async with livekit:
        finding = await server(livekit, settings.livekit_url)
        yield finding
        if finding.level == "problem":
            return
        finding = worker(settings.worker_port, ours)
        yield finding
        if finding.level != "problem" and room:
            yield await room_of(livekit, room, ours)


async def server(livekit: LiveKitAPI, url: str) -> Finding:
    try:
        await livekit.room.list_rooms(ListRoomsRequest(names=["-"]))
    except TwirpError as error:
        if error.status != 401:
            return Finding(
                "problem",
                f"What answers at {url} (HTTP {error.status}) seems to be no LiveKit server.",
                "Correct LIVEKIT_URL.",
            )
        return Finding(
            "problem",
            f"The LiveKit server at {url} refuses the key (HTTP 401).",
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET have to be those of that server.",
        )
    except (ClientError, TimeoutError):
        return Finding(
            "problem",
            f"No LiveKit server answers at {url}.",
            "Start it (on this machine, uv run honcho start does), or correct LIVEKIT_URL.",
        )
    return Finding("ok", f"The LiveKit server at {url} takes the key.")


def worker(port: int, ours: str) -> Finding:
    if not port:
        return Finding("warning", "WORKER_PORT is 0, which does not tell where the worker is.")
    url = f"http://127.0.0.1:{port}"
    try:
        with urllib.request.urlopen(f"{url}/worker", timeout=TIMEOUT) as answer:  # noqa: S310
            said: dict[str, Any] = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError):
        return Finding(
            "problem",
            f"No worker answers at {url}.",
            "Start it: uv run python -m app.agent dev",
        )
    name = said.get("agent_name", "")  # the worker leaves out what is empty
    if name != ours:
        return Finding(
            "problem",
            f"The worker at {url} has registered as {name!r}, not as {ours!r}.",
            "Another program's, or an old one? End it, and start this project's.",
        )
    if (load := said.get("worker_load", 0)) >= dispatch.FULL:
        return Finding(
            "warning",
            f"With a load of {load:.2f}, the worker gets no room (from {dispatch.FULL} on).",
            "Start another worker.",
        )
    return Finding("ok", f"The worker at {url} runs, and has registered as {name!r}.")


async def room_of(livekit: LiveKitAPI, name: str, ours: str) -> Finding:
    rooms = (await livekit.room.list_rooms(ListRoomsRequest(names=[name]))).rooms
    if not rooms:
        return Finding("ok", f"There is no room {name!r} now: who joins it opens it anew.")
    participants = await livekit.room.list_participants(ListParticipantsRequest(room=name))
    agents = [
        each
        for each in participants.participants
        if dispatch.is_ours(
            each,
            ours,  # only explicit
        )
    ]
    if agents:
        return Finding("ok", f"In the room {name!r} there is the agent {agents[0].identity!r}.")
    asked_for = {d.agent_name for d in await livekit.agent_dispatch.list_dispatch(name)}
    if asked_for and ours not in asked_for:
        return Finding(
            "problem",
            f"The room {name!r} asks for {', '.join(map(repr, asked_for))}, not for {ours!r}.",
            "Join with a token of this project's POST /token, in a new room.",
        )
    return Finding(
        "problem",
        f"No agent is in the room {name!r}. LiveKit offered it once, when it opened. The worker "
        f"was not there then, or was busy (a load of {dispatch.FULL} or more), or its agent has "
        "gone since.",
        "Worker and token backend send another one within seconds. If none comes: is "
        "DISPATCH_ENSURE off? Was the room opened with a token of this project's POST /token?",
    )


async def report(settings: Settings, room: str | None) -> int:
    """Prints each finding; gives the exit code."""
    code = 0
    async for finding in examine(settings, room):
        print(f"{finding.level:8} {finding.seen}")
        if finding.advice:
            print(f"         {finding.advice}")
        code = code or int(finding.level != "ok")
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m app.doctor")
    parser.add_argument("--room", help="the room in which somebody waits for the agent")
    return asyncio.run(report(load_settings(), parser.parse_args().room))


if __name__ == "__main__":
    sys.exit(main())
