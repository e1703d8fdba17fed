"""Check tokens: the one on the command line, and what the token backend gives."""

import json
import time
from functools import partial
from typing import Any

import jwt

from app.dispatch import names, policy
from app.doctor.finding import Finding, describe, found, ok, skipped
from app.doctor.reach import UNANSWERED, Failure, explain, fetch, from_answer
from app.doctor.server import LEEWAY_SECONDS
from app.settings import Settings


def check(
    token: str, settings: Settings, room: str | None = None, source: str = "token"
) -> Finding:
    """Return the first thing that keeps an agent away from people with a token for `room`."""
    which = "token from POST /token" if source == "backend" else "token"
    wrong = partial(found, source, which=which)
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        grant, configuration = claims.get("video", {}), claims.get("roomConfig", {})
        # A token that asks for no agent gets workers without a name.
        agents = [names.name_of(agent) for agent in configuration.get("agents") or [{}]]
        start, end = float(claims.get("nbf", 0)), float(claims["exp"])
        may_join, granted_room = grant.get("roomJoin"), grant.get("room")
        metadata = str(configuration.get("metadata", ""))
    except (jwt.PyJWTError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return wrong("token-malformed")
    if claims.get("iss") != settings.livekit_api_key:
        return wrong("token-of-another-key")
    try:
        secret = settings.livekit_api_secret.get_secret_value()
        jwt.PyJWS().decode(token, secret, ["HS256"])  # the signature alone; the times come later
    except jwt.PyJWTError:
        return wrong("token-signature")
    own_name, now = names.our_name(settings), time.time()
    if end < now - LEEWAY_SECONDS:
        return wrong("token-expired", seconds=round(now - end))
    if start > now + LEEWAY_SECONDS:
        return wrong("token-not-yet", seconds=round(start - now))
    if not (may_join and claims.get("sub")):
        return wrong("token-cannot-join")
    if not granted_room or (room and granted_room != room):
        return wrong("token-for-another-room", room=granted_room or "")
    if own_name not in agents:
        return wrong("token-asks-for-others", agents=describe(agents), ours=describe([own_name]))
    if policy.opts_out(own_name, metadata):
        return wrong("token-opts-out")
    if end - start > settings.token_ttl_seconds:
        return wrong("token-lives-long", seconds=round(end - start))
    return ok(source, f"The {which} opens the room {granted_room!r}.")


async def check_backend(
    settings: Settings, url: str | None, room: str
) -> tuple[Finding, tuple[str, str] | None]:
    """Ask the token backend for a token for `room`; return a finding, LiveKit's URL and the token.

    Without `url`, there may be no backend.
    """
    backend = url or f"http://127.0.0.1:{settings.port}"
    key = settings.token_api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        body = {"room_name": room}
        answer = await fetch(f"{backend.rstrip('/')}/token", "POST", json=body, headers=headers)
    except UNANSWERED as error:
        if not url:
            seen = f"No token backend answers at {backend}. If it is elsewhere, use --backend URL."
            return skipped("backend", seen), None
        return of_backend(await explain(error, backend), backend), None
    if answer.status == 401 and key:
        return found("backend", "backend-refuses-the-key"), None
    if answer.status in (401, 403, 422, 429):  # sign-in, the client, the room, the rate limit
        seen = f"The token backend gives this program no token (HTTP {answer.status}). "
        return skipped("backend", f"{seen}To check one that you have, use --token TOKEN."), None
    failure = from_answer(answer)
    if failure.cause != "no-livekit":  # something in front of it has answered
        return of_backend(failure, backend), None
    try:
        details = json.loads(answer.text)
        server, token = str(details["server_url"]), str(details["participant_token"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return found("backend", "no-token-backend", url=backend, status=answer.status), None
    return check(token, settings, room, "backend"), (server, token)


def of_backend(failure: Failure, url: str) -> Finding:
    if failure.cause in ("no-server", "unknown-host", "no-livekit"):
        return found("backend", "no-backend", url=url, reason=failure.reason)
    return failure.finding("backend", "token backend", url)
