"""The checks, in the order in which one cause hides the next."""

import argparse
import re
import secrets
from collections.abc import AsyncIterator

from app.dispatch import proxy
from app.doctor import environment, probe, proxies, rooms, server, tokens, worker
from app.doctor.finding import Finding
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


async def examine(arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    """Yield the findings of each check. A problem that hides all others is the last one.

    Args:
        arguments: `room`, `token` and `backend` of the command line, each of which may be None.

    Raises:
        TwirpError, ClientError, TimeoutError: the LiveKit server has stopped answering.
    """
    settings = environment.read_settings()
    if not isinstance(settings, Settings):
        for finding in settings:
            yield finding
        return
    for finding in environment.check(settings):
        yield finding
    proxy.extend_no_proxy(settings.livekit_url)
    proxy.hide_from_rtc(settings.livekit_url)
    async with proxy.livekit_api(settings) as livekit:
        finding = await server.check(settings, livekit)
        finding = await proxies.explain(settings, finding)
        yield finding
        if finding.level == "problem":
            return
        finding, local_worker = await worker.check(settings)
        yield finding
        lacks_worker = finding.level == "problem"
        if arguments.token:
            yield tokens.check(arguments.token, settings, arguments.room)
        new_room = f"doctor-{secrets.token_hex(6)}"
        finding, connection = await tokens.check_backend(settings, arguments.backend, new_room)
        yield finding
        if arguments.room:
            yield await rooms.check(settings, livekit, arguments.room)
        if lacks_worker:
            yield Finding("probe", "skipped", "", "Without a worker, no agent can join a new room.")
            return
        url, token = connection or own_connection(settings, new_room)
        if url == settings.token_server_url:  # clients' URL, which may not work from here
            url = settings.livekit_url
        yield await probe.check(settings, livekit, new_room, url, token, local_worker)


def own_connection(settings: Settings, room: str) -> tuple[str, str]:
    """Return the server's URL and a token for `room`, as the token backend would."""
    any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
    return settings.livekit_url, Mint(any_room).grant(TokenRequest(room_name=room), None).token
