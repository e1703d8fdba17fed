"""Tokens: what one says, and what the token backend gives."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
from aiohttp import ClientError, ClientSession, ClientTimeout

from app.dispatch import names, policy
from app.doctor.finding import Finding
from app.doctor.server import LEEWAY
from app.settings import Settings

BACKEND = "http://127.0.0.1:8000"  # where `fastapi dev` and honcho put it
TIMEOUT = 4  # seconds for the token backend to answer
NEW = "Get a new one from POST /token."


def examine(
    token: str, settings: Settings, room: str | None = None, check: str = "token"
) -> Iterator[Finding]:
    """What keeps an agent away from who joins with `token`; the first hides the next.

    Args:
        room: the room that it is to open, if that is known.
    """

    def problem(cause: str, seen: str, means: str, advice: str = NEW) -> Finding:
        return Finding(check, "problem", cause, seen, means, advice)

    whose = "The token" if check == "token" else "The token of POST /token"
    try:
        said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        grant, configuration = said.get("video", {}), said.get("roomConfig", {})
        # A token that asks for none gets workers without a name.
        agents = [names.name_of(agent) for agent in configuration.get("agents") or [{}]]
        start, end = float(said.get("nbf", 0)), float(said["exp"])
        joins, opens = grant.get("roomJoin"), grant.get("room")
        metadata = str(configuration.get("metadata", ""))
    except (jwt.PyJWTError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        yield problem("token-malformed", "This is no token of LiveKit's.", "Nobody can join.")
        return
    if said.get("iss") != settings.livekit_api_key:
        yield problem(
            "token-of-another-key",
            f"{whose} was made with another key than LIVEKIT_API_KEY.",
            "It is for another LiveKit project, where this worker is not.",
            "Give token backend and worker the same LIVEKIT_URL, key and secret.",
        )
        return
    try:
        secret = settings.livekit_api_secret.get_secret_value()
        # Its times come later, with a leeway and words of their own.
        jwt.decode(
            token,
            secret,
            ["HS256"],
            options={
                **{"verify_exp": False, "verify_nbf": False, "verify_iat": False},
                **{"verify_aud": False, "verify_sub": False, "verify_jti": False},
            },
        )
    except jwt.PyJWTError:
        yield problem(
            "token-signature",
            f"{whose} was not signed with LIVEKIT_API_SECRET.",
            "LiveKit refuses it (HTTP 401).",
            "Give the token backend the secret that belongs to the key, and get a new token.",
        )
        return
    now = time.time()
    if end < now - LEEWAY:
        seen = f"{whose} expired {now - end:,.0f} s ago."
        yield problem("token-expired", seen, "LiveKit refuses it (HTTP 401).")
        return
    if start > now + LEEWAY:
        yield problem(
            "token-not-yet",
            f"{whose} is valid only in {start - now:,.0f} s.",
            "LiveKit refuses it (HTTP 401). The clock of who made it is ahead.",
            "Set the clocks by the same source of time: timedatectl set-ntp true",
        )
        return
    if not (joins and said.get("sub")):
        yield problem(
            "token-cannot-join",
            f"{whose} has no identity, or does not allow to join (roomJoin).",
            "LiveKit lets nobody in with it.",
        )
        return
    if not opens or (room and opens != room):
        yield problem(
            "token-for-another-room",
            f"{whose} is for the room {opens!r}, not for {room!r}." if room else
            f"{whose} names no room.",
            "Who joins with it waits elsewhere.",
            "Ask POST /token for the room by its room_name.",
        )  # fmt: skip
        return
    own = names.our_name(settings)
    if own not in agents:
        yield problem(
            "token-asks-for-others",
            f"{whose} asks for {', '.join(map(repr, agents))}, not for {own!r}.",
            "LiveKit offers the room it opens only to workers with a name that it asks for.",
            "Get a token from POST /token, or correct the agents in its room configuration.",
        )
        return
    if policy.opts_out(own, metadata):
        yield problem(
            "token-opts-out",
            f"The room metadata in {whose[0].lower() + whose[1:]} says require_agent: false.",
            "An agent that is sent into that room leaves at once.",
        )
        return
    if end - start > settings.token_ttl_seconds:
        yield Finding(
            check,
            "warning",
            "token-lives-long",
            f"{whose} lives for {end - start:,.0f} s, not for TOKEN_TTL_SECONDS.",
            "It is not from this token backend, or an old one: what it says may be outdated.",
            NEW,
        )
        return
    yield Finding(check, "ok", "", f"{whose} joins the room {opens!r}, as it has to.")


async def ask_backend(
    settings: Settings, url: str | None, room: str
) -> tuple[list[Finding], tuple[str, str] | None]:
    """Asks the token backend for a token for `room`, as a client does.

    Gives where the client is to connect, and the token, too, if it gets them.

    Args:
        url: where it is; if it is not given, there may be none.
    """

    def problem(cause: str, seen: str, means: str, advice: str) -> tuple[list[Finding], None]:
        return [Finding("backend", "problem", cause, seen, means, advice)], None

    backend = url or BACKEND
    bearer = settings.token_api_key.get_secret_value()
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT)) as http,
            http.post(
                f"{backend.rstrip('/')}/token",
                json={"room_name": room},
                headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
            ) as answer,
        ):
            status, body = answer.status, await answer.read()
    except (ClientError, TimeoutError, ValueError):
        if url:
            return problem(
                "no-backend",
                f"No token backend answers at {backend}.",
                "Nobody gets a token, so nobody can join.",
                "Start it: uv run fastapi dev (or correct --backend)",
            )
        seen = f"No token backend answers at {backend}; --backend says where another one is."
        return [Finding("backend", "skipped", "", seen)], None
    if status == 401 and bearer:
        return problem(
            "backend-refuses-the-key",
            "The token backend refuses TOKEN_API_KEY (HTTP 401).",
            "Who sends this key gets no token, so nobody can join.",
            "Give token backend and clients the same TOKEN_API_KEY, and start it anew.",
        )
    if status in (401, 403, 422, 429):
        why = {401: "who has signed in", 403: "others", 422: "other rooms", 429: "who asks less"}
        seen = f"The token backend gives tokens only to {why[status]} (HTTP {status}); "
        seen += "--token examines one that you have."
        return [Finding("backend", "skipped", "", seen)], None
    try:
        said = json.loads(body)
        server, token = str(said["server_url"]), str(said["participant_token"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return problem(
            "no-token-backend",
            f"What answers POST /token at {backend} (HTTP {status}) is no token backend.",
            "A client needs server_url and participant_token.",
            "Correct --backend, or end what has its port and start: uv run fastapi dev",
        )
    return list(examine(token, settings, room, "backend")), (server, token)
