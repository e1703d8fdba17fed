"""Check the LiveKit server: does it answer, is its clock right, does it accept the key?"""

import asyncio
import time
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from google.protobuf.message import DecodeError
from livekit.api import ListRoomsRequest, LiveKitAPI, TwirpError

from app.doctor import failures
from app.doctor.finding import Finding
from app.settings import Settings
from app.tokens.mint import Mint

problem = partial(Finding, "server", "problem")

TIMEOUT_SECONDS = 4
# How far the clocks may differ: livekit-server 1.13.5 allows tokens a minute (measured).
LEEWAY_SECONDS = 60
KEYS = "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a key and its secret on this server."


async def check(settings: Settings, livekit: LiveKitAPI) -> Finding:
    url = settings.livekit_url
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await check_answers(settings, livekit)
    except DecodeError:
        return unreachable(url, failures.from_error(ValueError()))
    except (ClientError, TimeoutError, ValueError) as error:
        return unreachable(url, await failures.explain(error, url))


def unreachable(url: str, failure: failures.Failure) -> Finding:
    if failure.cause == "no-livekit":
        seen = f"{url} does not seem to be a LiveKit server: {failure.reason}."
        means = "A LiveKit server would answer GET /rtc/validate with HTTP 200 or 401."
        return problem("no-livekit", seen, means, "Correct LIVEKIT_URL.")
    seen = f"No LiveKit server answers at {url}: {failure.reason}."
    means = "Neither the worker nor people can reach it."
    if "refused" in failure.reason and urlsplit(url).hostname in ("127.0.0.1", "localhost"):
        advice = "Correct LIVEKIT_URL, or start the server on this machine"
        return problem(failure.cause, seen, means, advice, "uv run honcho start")
    return problem(failure.cause, seen, means, failure.advice)


async def check_answers(settings: Settings, livekit: LiveKitAPI) -> Finding:
    """Check what the server answers.

    Raises:
        ClientError, TimeoutError: it does not answer.
        DecodeError, ValueError: it is not a LiveKit server.
    """
    url = settings.livekit_url
    token = Mint(settings).sign({"sub": "doctor", "video": {"roomJoin": True, "room": "doctor"}})
    async with (
        ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS), trust_env=True) as http,
        http.get(
            url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate",
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,  # which would lose the token
        ) as answer,
    ):
        status, text, date = answer.status, await answer.text(), answer.headers.get("Date")
        location = answer.headers.get("Location", "").partition("?")[0]
    if status not in (200, 401):
        return unreachable(url, failures.from_status(status, text, location))
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0
    if abs(skew) > LEEWAY_SECONDS:
        direction = "ahead of" if skew > 0 else "behind"
        return problem(
            "clock",
            f"This machine's clock is {abs(skew):.0f} s {direction} the server's.",
            f"LiveKit refuses tokens that are off by more than {LEEWAY_SECONDS} s, including the "
            "worker's.",
            "Synchronize both clocks",
            "timedatectl set-ntp true",
        )
    if status == 401:
        if "invalid API key" in text:  # the rest of this text may quote the token
            seen = f"The LiveKit server at {url} does not know LIVEKIT_API_KEY (HTTP 401)."
            return problem("unknown-key", seen, "The worker cannot register.", KEYS)
        seen = f"LIVEKIT_API_SECRET is not the secret of this key at {url} (HTTP 401)."
        return problem("wrong-secret", seen, "The worker cannot register.", KEYS)
    try:
        await livekit.room.list_rooms(ListRoomsRequest(names=["-"]))
    except TwirpError as error:
        return problem(
            "no-api",
            f"{url} accepts the key, but its API does not answer (HTTP {error.status}).",
            "The token backend and the worker cannot see which rooms lack an agent.",
            "Does a reverse proxy forward only /rtc? It must also forward /twirp and /agent.",
        )
    return Finding("server", "ok", "", f"The LiveKit server at {url} accepts the key.")
