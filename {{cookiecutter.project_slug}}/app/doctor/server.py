"""The LiveKit server: does it answer, what time does it have, does it take the key?"""

import asyncio
import time
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from aiohttp import (
    ClientError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
)
from google.protobuf.message import DecodeError
from livekit.api import ListRoomsRequest, LiveKitAPI, TwirpError

from app.doctor.finding import Finding
from app.settings import Settings
from app.tokens.mint import Mint

problem = partial(Finding, "server", "problem")

TIMEOUT = 4  # seconds for the server to answer
LOOKUP_TIMEOUT = 1  # seconds to find its host once more
# Seconds by which the clocks may differ: livekit-server 1.13.5 allows tokens a minute (measured).
LEEWAY = 60
KEYS = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET have to be a pair that this server knows."


async def look(settings: Settings, livekit: LiveKitAPI) -> Finding:
    url = settings.livekit_url
    try:
        async with asyncio.timeout(TIMEOUT):
            return await ask(settings, livekit)
    except (DecodeError, ValueError):
        return stranger(url, "an answer that is none of LiveKit's")
    except ClientSSLError:
        cause, seen = "tls", f"No secure connection comes about with {url}."
        advice = (
            "Does the server have a certificate that is valid for this name? A server without "
            "TLS, such as one on this machine, has ws:// in LIVEKIT_URL."
        )
    except (ClientError, TimeoutError):
        if await is_known(urlsplit(url).hostname):
            cause, seen = "no-server", f"No LiveKit server answers at {url}."
            advice = "Start it (on this machine, uv run honcho start does), or correct LIVEKIT_URL."
        else:
            cause, seen = "unknown-host", f"This machine cannot find the host of {url}."
            advice = "Correct LIVEKIT_URL, or this machine's DNS."
    return problem(cause, seen, "Neither worker nor people can reach it.", advice)


async def is_known(host: str | None) -> bool:
    """Whether this machine finds the host; a DNS server that says nothing does not count."""
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return False
    return True


async def ask(settings: Settings, livekit: LiveKitAPI) -> Finding:
    """
    Raises:
        ClientError, TimeoutError: it does not answer.
        DecodeError, ValueError: what answers is no LiveKit server.
    """
    url = settings.livekit_url
    token = Mint(settings).sign({"sub": "doctor", "video": {"roomJoin": True, "room": "doctor"}})
    async with (
        ClientSession(timeout=ClientTimeout(total=TIMEOUT), trust_env=True) as http,
        http.get(
            url.rstrip("/").replace("ws", "http", 1) + "/rtc/validate",
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,  # which would lose the token
        ) as answer,
    ):
        status, text, date = answer.status, await answer.text(), answer.headers.get("Date")
    if status not in (200, 401):
        return stranger(url, f"HTTP {status}")
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0
    if abs(skew) > LEEWAY:
        return problem(
            "clock",
            f"This machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the "
            "server's.",
            f"LiveKit refuses a token whose times are off by more than {LEEWAY} s, the worker's, "
            "too.",
            "Set both by the same source of time: timedatectl set-ntp true",
        )
    if status == 401:
        if "invalid API key" in text:  # the rest of this text may quote the token
            seen = f"The LiveKit server at {url} does not know LIVEKIT_API_KEY (HTTP 401)."
            return problem("unknown-key", seen, "The worker cannot register.", KEYS)
        seen = f"LIVEKIT_API_SECRET is not the one that {url} has for the key (HTTP 401)."
        return problem("wrong-secret", seen, "The worker cannot register.", KEYS)
    try:
        await livekit.room.list_rooms(ListRoomsRequest(names=["-"]))
    except TwirpError as error:
        return problem(
            "no-api",
            f"{url} takes the key, but does not answer its API (HTTP {error.status}).",
            "Token backend and worker cannot see which rooms lack an agent.",
            "Is there a proxy that passes on /rtc only? It has to pass on /twirp and /agent, too.",
        )
    return Finding("server", "ok", "", f"The LiveKit server at {url} takes the key.")


def stranger(url: str, answer: str) -> Finding:
    return problem(
        "no-livekit",
        f"What answers at {url} ({answer}) seems to be no LiveKit server.",
        "LiveKit answers GET /rtc/validate.",
        "Correct LIVEKIT_URL.",
    )
