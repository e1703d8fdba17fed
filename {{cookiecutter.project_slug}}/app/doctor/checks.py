"""The checks, in the order in which one cause hides the next."""

import argparse
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from livekit.api import LiveKitAPI

from app.dispatch import proxy
from app.dispatch.server import API_ERRORS
from app.doctor import environment, probe, rooms, server, tokens, worker
from app.doctor.finding import CouldNotCheck, Finding, skipped
from app.doctor.worker import Worker
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


@dataclass
class Examination:
    """What the checks know so far. `is_over`: a problem hides all that would follow."""

    settings: Settings
    livekit: LiveKitAPI
    arguments: argparse.Namespace
    new_room: str
    is_over: bool = False
    worker: Worker | None = None
    lacks_worker: bool = False
    connection: tuple[str, str] | None = None  # LiveKit's URL and a token, from the token backend


async def check_server(known: Examination) -> list[Finding]:
    finding = await server.check(known.settings, known.livekit)
    known.is_over = finding.level == "problem"
    return [finding]


async def check_worker(known: Examination) -> list[Finding]:
    finding, known.worker = await worker.check(known.settings)
    known.lacks_worker = finding.level == "problem"
    return [finding, *await worker.check_others(known.settings)]


async def check_token(known: Examination) -> list[Finding]:
    token, room = known.arguments.token, known.arguments.room
    return [tokens.check(token, known.settings, room)] if token else []


async def check_backend(known: Examination) -> list[Finding]:
    url, room = known.arguments.backend, known.new_room
    finding, known.connection = await tokens.check_backend(known.settings, url, room)
    return [finding]


async def check_room(known: Examination) -> list[Finding]:
    room = known.arguments.room
    return [await rooms.check(known.settings, known.livekit, room)] if room else []


async def check_probe(known: Examination) -> list[Finding]:
    if known.lacks_worker:
        return [skipped("probe", "Without a worker, no agent can join a new room.")]
    settings, room = known.settings, known.new_room
    url, token = known.connection or own_connection(settings, room)
    if url == settings.token_server_url:  # clients' URL, which may not work from here
        url = settings.livekit_url
    return [await probe.check(settings, known.livekit, room, url, token, known.worker)]


CHECKS = (check_server, check_worker, check_token, check_backend, check_room, check_probe)


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
        known = Examination(settings, livekit, arguments, f"doctor-{secrets.token_hex(6)}")
        try:
            for check in CHECKS:
                for finding in await check(known):
                    yield finding
                if known.is_over:
                    return
        except API_ERRORS:
            raise CouldNotCheck("The LiveKit server stopped answering.") from None


def own_connection(settings: Settings, room: str) -> tuple[str, str]:
    """Return the server's URL and a token for `room`, as the token backend would."""
    any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
    return settings.livekit_url, Mint(any_room).grant(TokenRequest(room_name=room), None).token
