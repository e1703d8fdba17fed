"""The checks, in the order in which one cause hides the next."""

import argparse
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from livekit.api import LiveKitAPI

from app.dispatch import proxy
from app.doctor import environment, probe, proxies, rooms, server, tokens, worker
from app.doctor.finding import Finding
from app.doctor.worker import Worker
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


@dataclass
class Examination:
    """What is examined, and what the checks so far have found out.

    Attributes:
        arguments: `room`, `token` and `backend` of the command line, if they were given.
        own_room: the room of the probe, which nobody else uses.
        worker: the worker on this machine, if it was seen.
        lacks_worker: whether there is no worker that could serve the probe.
        ticket: where a person connects, and with which token, as the token backend says.
    """

    arguments: argparse.Namespace
    settings: Settings
    livekit: LiveKitAPI
    own_room: str = field(default_factory=lambda: f"doctor-{secrets.token_hex(6)}")
    worker: Worker | None = None
    lacks_worker: bool = False
    ticket: tuple[str, str] | None = None


async def examine(arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    """Yield the findings of each check. A problem that hides all others is the last one.

    Raises:
        TwirpError, ClientError, TimeoutError: the LiveKit server has stopped answering.
    """
    settings = environment.read_settings()
    if not isinstance(settings, Settings):
        for finding in settings:
            yield finding
        return
    proxy.extend_no_proxy(settings.livekit_url)
    proxy.hide_from_rtc(settings.livekit_url)
    async with proxy.livekit_api(settings) as livekit:
        examination = Examination(arguments, settings, livekit)
        for check in CHECKS:
            findings = await check(examination)
            for finding in findings:
                yield finding
            if check is check_server and findings[-1].level == "problem":
                return


async def check_environment(examination: Examination) -> list[Finding]:
    return list(environment.look(examination.settings))


async def check_server(examination: Examination) -> list[Finding]:
    finding = await server.look(examination.settings, examination.livekit)
    return [await proxies.explain(examination.settings, finding)]


async def check_worker(examination: Examination) -> list[Finding]:
    finding, examination.worker = await worker.look(examination.settings)
    examination.lacks_worker = finding.level == "problem"
    return [finding]


async def check_token(examination: Examination) -> list[Finding]:
    given = examination.arguments
    if not given.token:
        return []
    return list(tokens.examine(given.token, examination.settings, given.room))


async def check_backend(examination: Examination) -> list[Finding]:
    findings, examination.ticket = await tokens.ask_backend(
        examination.settings, examination.arguments.backend, examination.own_room
    )
    return findings


async def check_room(examination: Examination) -> list[Finding]:
    room = examination.arguments.room
    if not room:
        return []
    return [await rooms.look(examination.settings, examination.livekit, room)]


async def check_that_an_agent_joins(examination: Examination) -> list[Finding]:
    if examination.lacks_worker:
        return [Finding("probe", "skipped", "", "Without a worker there is nobody to wait for.")]
    settings, room = examination.settings, examination.own_room
    if examination.ticket:
        url, token = examination.ticket
    else:
        any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
        url = settings.livekit_url
        token = Mint(any_room).grant(TokenRequest(room_name=room), None).token
    if url == settings.token_server_url:  # the way of clients may not lead here
        url = settings.livekit_url
    ticket = url, token
    return [await probe.look(settings, examination.livekit, room, ticket, examination.worker)]


CHECKS = (
    check_environment,
    check_server,
    check_worker,
    check_token,
    check_backend,
    check_room,
    check_that_an_agent_joins,
)
