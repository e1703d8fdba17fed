"""The checks, in the order in which one cause hides the next."""

import argparse
import re
import secrets
from collections.abc import AsyncIterator

from livekit.api import LiveKitAPI

from app.dispatch import proxy
from app.dispatch.server import API_ERRORS
from app.doctor import environment, probe, rooms, server, tokens, worker
from app.doctor.finding import CouldNotCheck, Finding, skipped
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


async def examine(arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    """Yield the findings of each check. A problem that hides all others is the last one.

    Raises:
        CouldNotCheck: the LiveKit server has stopped answering.
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
        try:
            async for finding in examine_programs(settings, livekit, arguments):
                yield finding
        except API_ERRORS:
            raise CouldNotCheck("The LiveKit server stopped answering.") from None


async def examine_programs(
    settings: Settings, livekit: LiveKitAPI, arguments: argparse.Namespace
) -> AsyncIterator[Finding]:
    of_server = await server.check(settings, livekit)
    yield of_server
    if of_server.level == "problem":
        return
    of_worker, local_worker = await worker.check(settings)
    yield of_worker
    for finding in await worker.check_others(settings):
        yield finding
    if arguments.token:
        yield tokens.check(arguments.token, settings, arguments.room)
    new_room = f"doctor-{secrets.token_hex(6)}"
    of_backend, connection = await tokens.check_backend(settings, arguments.backend, new_room)
    yield of_backend
    if arguments.room:
        yield await rooms.check(settings, livekit, arguments.room)
    if of_worker.level == "problem":
        yield skipped("probe", "Without a worker, no agent can join a new room.")
        return
    url, token = connection or own_connection(settings, new_room)
    if url == settings.token_server_url:  # clients' URL, which may not work from here
        url = settings.livekit_url
    yield await probe.check(settings, livekit, new_room, url, token, local_worker)


def own_connection(settings: Settings, room: str) -> tuple[str, str]:
    """Return the server's URL and a token for `room`, as the token backend would."""
    any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
    return settings.livekit_url, Mint(any_room).grant(TokenRequest(room_name=room), None).token
