"""The checks, in the order in which one cause hides the next."""

import argparse
import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from livekit.api import LiveKitAPI

from app.dispatch import proxy
from app.dispatch.server import API_ERRORS
from app.doctor import environment, probe, proxies, rooms, server, tokens, worker
from app.doctor.finding import CouldNotCheck, Finding
from app.doctor.worker import Worker
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


@dataclass
class Examination:
    """What the checks have found out so far.

    Attributes:
        arguments: `room`, `token` and `backend` of the command line, each of which may be None.
        new_room: a room for the probe.
        is_over: a problem hides all that follows.
        worker: the worker on this machine, if it answers.
        lacks_worker: whether this project's worker is known to be missing.
        connection: LiveKit's URL and the token, if the token backend gives them.
    """

    settings: Settings
    livekit: LiveKitAPI
    arguments: argparse.Namespace
    new_room: str
    is_over: bool = False
    worker: Worker | None = None
    lacks_worker: bool = False
    connection: tuple[str, str] | None = None


async def check_server(state: Examination) -> AsyncIterator[Finding]:
    finding = await server.check(state.settings, state.livekit)
    finding = await proxies.explain(state.settings, finding)
    state.is_over = finding.level == "problem"
    yield finding


async def check_worker(state: Examination) -> AsyncIterator[Finding]:
    finding, state.worker = await worker.check(state.settings)
    state.lacks_worker = finding.level == "problem"
    yield finding


async def check_other_workers(state: Examination) -> AsyncIterator[Finding]:
    for finding in await worker.check_others(state.settings):
        yield finding


async def check_token(state: Examination) -> AsyncIterator[Finding]:
    if token := state.arguments.token:
        yield tokens.check(token, state.settings, state.arguments.room)


async def check_backend(state: Examination) -> AsyncIterator[Finding]:
    url = state.arguments.backend
    finding, state.connection = await tokens.check_backend(state.settings, url, state.new_room)
    yield finding


async def check_room(state: Examination) -> AsyncIterator[Finding]:
    if state.arguments.room:
        yield await rooms.check(state.settings, state.livekit, state.arguments.room)


async def check_probe(state: Examination) -> AsyncIterator[Finding]:
    settings = state.settings
    if state.lacks_worker:
        yield Finding("probe", "skipped", "", "Without a worker, no agent can join a new room.")
        return
    url, token = state.connection or own_connection(settings, state.new_room)
    if url == settings.token_server_url:  # clients' URL, which may not work from here
        url = settings.livekit_url
    room = state.new_room
    yield await probe.check(settings, state.livekit, room, url, token, state.worker)


CHECKS: tuple[Callable[[Examination], AsyncIterator[Finding]], ...] = (
    check_server,
    check_worker,
    check_other_workers,
    check_token,
    check_backend,
    check_room,
    check_probe,
)


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
        state = Examination(settings, livekit, arguments, f"doctor-{secrets.token_hex(6)}")
        try:
            for check in CHECKS:
                async for finding in check(state):
                    yield finding
                if state.is_over:
                    return
        except API_ERRORS:
            raise CouldNotCheck("The LiveKit server stopped answering.") from None


def own_connection(settings: Settings, room: str) -> tuple[str, str]:
    """Return the server's URL and a token for `room`, as the token backend would."""
    any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
    return settings.livekit_url, Mint(any_room).grant(TokenRequest(room_name=room), None).token
