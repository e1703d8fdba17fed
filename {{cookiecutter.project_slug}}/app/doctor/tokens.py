"""Check tokens: the one on the command line, and what the token backend gives."""

import json
import time
from dataclasses import replace
from functools import partial
from typing import Any

import jwt
from aiohttp import ClientError, ClientSession, ClientTimeout

from app.dispatch import names, policy
from app.doctor import failures
from app.doctor.finding import Finding, describe
from app.doctor.server import LEEWAY_SECONDS
from app.settings import Settings

BACKEND = "http://127.0.0.1:8000"  # where `fastapi dev` and honcho put it
START = "uv run fastapi dev"
TIMEOUT_SECONDS = 4
NEW_TOKEN = "Get a new one from POST /token."  # noqa: S105  advice
REFUSED = "LiveKit refuses it (HTTP 401)."
WHY_NO_TOKEN = {
    401: "without signing in",
    403: "to this client",
    422: "for such a room",
    429: "at the moment, because of its rate limit",
}


def check(
    token: str, settings: Settings, room: str | None = None, source: str = "token"
) -> Finding:
    """Return the first thing that keeps an agent away from people with this token.

    Args:
        room: the room that it should open, if that is known.
        source: `token` for the command line, or `backend`.
    """

    def problem(
        cause: str, seen: str, means: str, advice: str = NEW_TOKEN, command: str = ""
    ) -> Finding:
        return Finding(source, "problem", cause, seen, means, advice, command)

    which = "token from POST /token" if source == "backend" else "token"
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        grant, configuration = claims.get("video", {}), claims.get("roomConfig", {})
        # A token that asks for no agent gets workers without a name.
        agents = [names.name_of(agent) for agent in configuration.get("agents") or [{}]]
        start, end = float(claims.get("nbf", 0)), float(claims["exp"])
        may_join, granted_room = grant.get("roomJoin"), grant.get("room")
        metadata = str(configuration.get("metadata", ""))
    except (jwt.PyJWTError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return problem("token-malformed", "This is not a LiveKit token.", "Nobody can join.")
    if claims.get("iss") != settings.livekit_api_key:
        return problem(
            "token-of-another-key",
            f"The {which} was made with another key than LIVEKIT_API_KEY.",
            "It is for another LiveKit project, where this worker is not registered.",
            "Give the token backend and the worker the same LIVEKIT_URL, key and secret.",
        )
    try:
        secret = settings.livekit_api_secret.get_secret_value()
        jwt.PyJWS().decode(token, secret, ["HS256"])  # the signature alone; the times come later
    except jwt.PyJWTError:
        return problem(
            "token-signature",
            f"The {which} was not signed with LIVEKIT_API_SECRET.",
            REFUSED,
            "Give the token backend the secret that belongs to the key, and get a new token.",
        )
    now = time.time()
    if end < now - LEEWAY_SECONDS:
        return problem("token-expired", f"The {which} expired {now - end:,.0f} s ago.", REFUSED)
    if start > now + LEEWAY_SECONDS:
        return problem(
            "token-not-yet",
            f"The {which} becomes valid in {start - now:,.0f} s.",
            f"{REFUSED} The clock of the machine that made it is ahead.",
            "Synchronize the clocks",
            "timedatectl set-ntp true",
        )
    if not (may_join and claims.get("sub")):
        seen = f"The {which} has no identity, or no permission to join (roomJoin)."
        return problem("token-cannot-join", seen, "LiveKit lets nobody in with it.")
    if not granted_room or (room and granted_room != room):
        return problem(
            "token-for-another-room",
            f"The {which} is for the room {granted_room!r}, not for {room!r}." if room else
            f"The {which} names no room.",
            "It does not lead to the room in which the agent is expected.",
            "Name the room in room_name when you ask POST /token.",
        )  # fmt: skip
    own_name = names.our_name(settings)
    if own_name not in agents:
        return problem(
            "token-asks-for-others",
            f"The {which} asks for {describe(agents)}, not for {describe([own_name])}.",
            "LiveKit offers its room only to workers whose name it asks for.",
            "Get a token from POST /token, or correct the agents in its room configuration.",
        )
    if policy.opts_out(own_name, metadata):
        seen = f"The room metadata in the {which} says require_agent: false."
        return problem("token-opts-out", seen, "An agent that is sent there leaves at once.")
    if end - start > settings.token_ttl_seconds:
        return Finding(
            source,
            "warning",
            "token-lives-long",
            f"The {which} is valid for {end - start:,.0f} s, longer than TOKEN_TTL_SECONDS.",
            "It is not from this token backend, or is an old one. What it says may be outdated.",
            NEW_TOKEN,
        )
    return Finding(source, "ok", "", f"The {which} opens the room {granted_room!r}.")


async def check_backend(
    settings: Settings, url: str | None, room: str
) -> tuple[Finding, tuple[str, str] | None]:
    """Ask the token backend for a token for `room`, as a client does.

    Args:
        url: the token backend's URL. Without it, there may be no token backend.

    Returns:
        A finding, and LiveKit's URL and the token if the backend gives them.
    """
    problem = partial(Finding, "backend", "problem")
    backend = url or BACKEND
    bearer = settings.token_api_key.get_secret_value()
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS)) as http,
            http.post(
                f"{backend.rstrip('/')}/token",
                json={"room_name": room},
                headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
                allow_redirects=False,  # which would lose the body
            ) as answer,
        ):
            status, body = answer.status, await answer.read()
            location = answer.headers.get("Location", "").partition("?")[0]
    except (ClientError, TimeoutError, ValueError) as error:
        if not url:
            seen = f"No token backend answers at {backend}. If it is elsewhere, use --backend URL."
            return Finding("backend", "skipped", "", seen), None
        return unreachable(backend, await failures.explain(error, backend)), None
    if status == 401 and bearer:
        return problem(
            "backend-refuses-the-key",
            "The token backend refuses TOKEN_API_KEY (HTTP 401).",
            "Clients that send this key get no token, so nobody can join.",
            "Give the token backend and its clients the same TOKEN_API_KEY, and restart it.",
        ), None
    if status in WHY_NO_TOKEN:
        seen = f"The token backend gives no token {WHY_NO_TOKEN[status]} (HTTP {status}). "
        seen += "To check one that you have, use --token TOKEN."
        return Finding("backend", "skipped", "", seen), None
    failure = failures.from_status(status, body.decode(errors="replace"), location)
    if failure.cause != "no-livekit":
        return unreachable(backend, failure), None
    try:
        details = json.loads(body)
        server, token = str(details["server_url"]), str(details["participant_token"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return problem(
            "no-token-backend",
            f"The program at {backend} is not a token backend (POST /token: HTTP {status}).",
            "Clients need server_url and participant_token in the answer.",
            "Correct --backend, or end that program and start the token backend",
            START,
        ), None
    return check(token, settings, room, "backend"), (server, token)


def unreachable(backend: str, failure: failures.Failure) -> Finding:
    advice, command = failure.advice, ""
    if failure.cause in ("no-server", "unknown-host", "no-livekit"):
        failure = replace(failure, cause="no-backend")
        advice, command = "Correct --backend, or start the token backend", START
    return Finding(
        "backend",
        "problem",
        failure.cause,
        f"No token backend answers at {backend}: {failure.reason}.",
        "Nobody gets a token, so nobody can join.",
        advice,
        command,
    )
