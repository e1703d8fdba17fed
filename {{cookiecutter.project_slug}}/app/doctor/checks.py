"""The checks, in the order in which one cause hides the next."""

import argparse
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

from pydantic import ValidationError

from app.dispatch import names, proxy
from app.dispatch.server import API_ERRORS
from app.doctor import phone, probe, rooms, server, tokens, worker
from app.doctor.finding import CouldNotCheck, Finding, found, ok, skipped
from app.settings import Settings
from app.tokens.mint import Mint
from app.tokens.request import TokenRequest


async def examine(arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    """Yield the findings of each check. A problem that hides all others is the last one."""
    settings = read_settings()
    if not isinstance(settings, Settings):
        for finding in settings:
            yield finding
        return
    for finding in check_environment(settings):
        yield finding
    proxy.hide_from_rtc(settings.livekit_url)
    try:
        async with proxy.livekit_api(settings) as livekit:
            of_server = await server.check(settings, livekit)
            yield of_server
            if of_server.level == "problem":
                return
            of_worker, local_worker = await worker.check(settings)
            yield of_worker
            for finding in await worker.check_others(settings):
                yield finding
            for finding in await phone.check(settings, livekit):
                yield finding
            if arguments.token:
                yield tokens.check(arguments.token, settings, arguments.room)
            room = f"doctor-{secrets.token_hex(6)}"
            of_backend, connection = await tokens.check_backend(settings, arguments.backend, room)
            yield of_backend
            if arguments.room:
                yield await rooms.check(settings, livekit, arguments.room)
            if of_worker.level == "problem":
                yield skipped("probe", "Without a worker, no agent can join a new room.")
                return
            url, token = connection or own_connection(settings, room)
            if url == settings.token_server_url:  # clients' URL, which may not work from here
                url = settings.livekit_url
            yield await probe.check(settings, livekit, room, url, token, local_worker)
    except API_ERRORS:
        raise CouldNotCheck("The LiveKit server stopped answering.") from None


def read_settings() -> Settings | list[Finding]:
    """Read the settings, or return what is wrong with them, without any value."""
    try:
        return Settings()
    except UnicodeError:
        return [found("environment", "settings-encoding")]
    except SystemExit as error:
        raise CouldNotCheck(str(error)) from None
    except ValidationError as error:
        findings = []
        for details in error.errors(include_input=False):
            variable = "_".join(map(str, details["loc"])).upper()
            source = "in this shell" if os.environ.get(variable) else "in .env"
            values = {"variable": variable, "message": details["msg"], "source": source}
            finding = found("environment", "settings", **values)
            findings.append(replace(finding, cause=f"settings-{details['type']}"))
        return findings


def check_environment(settings: Settings) -> list[Finding]:
    findings = [
        found("environment", "named-by-environment", variable=variable, name=name)
        for variable in names.NAMING_VARIABLES
        if (name := os.environ.get(variable)) and name != names.our_name(settings)
    ]
    # begin only pipeline or realtime
    if settings.missing_key:
        findings.append(found("environment", "no-model-key", missing=settings.missing_key))
    # end only pipeline or realtime
    return findings or [ok("environment", "The settings are complete.")]


def own_connection(settings: Settings, room: str) -> tuple[str, str]:
    """Return the server's URL and a token for `room`, as the token backend would."""
    any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
    return settings.livekit_url, Mint(any_room).grant(TokenRequest(room_name=room), None).token
