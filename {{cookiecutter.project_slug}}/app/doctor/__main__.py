"""Why does no agent join? Looks in the order in which one cause hides the next.

uv run python -m app.doctor                     environment, server, worker, backend, live probe
uv run python -m app.doctor --room ROOM         also the room in which somebody waits
uv run python -m app.doctor --token TOKEN       also the token with which somebody joined
uv run python -m app.doctor --log FILE          what the log of a worker or a LiveKit server says
uv run python -m app.doctor --project FOLDER    what keeps agents away in the code of a project

Run it where the worker runs. It changes nothing, but for a room of its own, which it removes.
Ends with 0 if all is well, with 1 if something is not, with 2 if it could not look.
"""

import argparse
import asyncio
import contextlib  # only explicit
import json
import logging
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from aiohttp import ClientError
from livekit.api import TwirpError
from pydantic import ValidationError

from app import proxy
from app.doctor import environment, logs, probe, project, proxies, rooms, server, tokens, worker
from app.doctor.finding import Finding
from app.settings import Settings
from app.tokens import Mint, TokenRequest

HERE = Path(__file__).parents[2]
TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w.-]*")
CREDENTIALS = re.compile(r"//[^/\s]+@")
COLOURS = {"ok": 32, "skipped": 90, "warning": 33, "problem": 31}  # of a terminal


async def examine(asked: argparse.Namespace) -> AsyncIterator[Finding]:
    """Gives its findings one by one. After a problem that hides all others comes none.

    Raises:
        TwirpError, ClientError, TimeoutError: the LiveKit server stopped answering meanwhile.
    """
    if asked.log or asked.project:
        for finding in (
            project.examine(Path(asked.project)) if asked.project else read_log(asked.log)
        ):
            yield finding
        return
    try:
        settings = Settings()
    except ValidationError as error:
        for finding in environment.wrong_settings(error):
            yield finding
        return
    except UnicodeDecodeError:
        advice = "Save it as UTF-8, or copy .env.example anew."
        yield Finding(
            "environment", "problem", "settings-encoding", ".env is no text in UTF-8.",
            "Neither worker nor token backend starts like this.", advice,
        )  # fmt: skip
        return
    for finding in environment.look(settings):
        yield finding
    for finding in project.examine(HERE):
        if finding.cause != "named-by-environment":  # which app/dispatch.py ignores
            yield finding
    proxy.extend_no_proxy(settings.livekit_url)
    proxy.hide_from_rtc(settings.livekit_url)
    async with proxy.livekit_api(settings, server.TIMEOUT) as livekit:
        finding = await proxies.explain(settings, await server.look(settings, livekit))
        yield finding
        if finding.level == "problem":
            return
        of_worker, here = await worker.look(settings)
        yield of_worker
        if asked.token:
            for finding in tokens.examine(asked.token, settings, asked.room):
                yield finding
        room = f"doctor-{secrets.token_hex(6)}"
        from_backend, ticket = await tokens.ask_backend(settings, asked.backend, room)
        for finding in from_backend:
            yield finding
        if asked.room:
            yield await rooms.look(settings, livekit, asked.room)
        if of_worker.level == "problem":
            yield Finding("probe", "skipped", "", "Without a worker there is nobody to wait for.")
            return
        if not ticket:
            any_room = settings.model_copy(update={"token_room_pattern": re.compile(".+")})
            own = Mint(any_room).token(TokenRequest(room_name=room), None)
            ticket = settings.livekit_url, own
        if ticket[0] == settings.token_server_url:  # the way of clients may not lead here
            ticket = settings.livekit_url, ticket[1]
        yield await probe.look(settings, livekit, room, ticket, here)


def read_log(name: str) -> Iterator[Finding]:
    """
    Raises:
        OSError: there is no such file.
    """
    ours = ""
    # begin only explicit
    with contextlib.suppress(ValidationError):  # a log can be read without settings
        ours = Settings().livekit_agent_name
    # end only explicit
    if name == "-":
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        yield from logs.read(sys.stdin, ours)
    else:
        with open(name, encoding="utf-8", errors="replace") as file:
            yield from logs.read(file, ours)


async def report(asked: argparse.Namespace) -> int:
    """Prints what is found; gives the exit code."""
    findings: list[Finding] = []
    async for each in examine(asked):
        finding = replace(
            each, seen=plain(each.seen), means=plain(each.means), advice=plain(each.advice)
        )
        findings.append(finding)
        if not asked.json:
            say(f"{coloured(finding.level)} {finding.seen}")
            if finding.level == "ok" and finding.means:
                say(f"{'':8} {finding.means}")
    wrong = [each for level in ("problem", "warning") for each in findings if each.level == level]
    if asked.json:
        said = {"healthy": not wrong, "diagnosis": wrong, "findings": findings}
        say(json.dumps(said, indent=2, default=asdict))
    elif not wrong:
        say("\nAll is well.")
    else:
        say("\nWhat to do, in this order:" if wrong[1:] else "\nWhat to do:")
        for number, each in enumerate(wrong, 1):
            say(f"\n{number}. {each.seen}\n   {each.means}\n   -> {each.advice}")
    return 1 if wrong else 0


def coloured(level: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return f"{level:8}"
    return f"\033[{COLOURS[level]}m{level:8}\033[0m"


def plain(text: str) -> str:
    """`text` without what nobody may read (tokens, passwords in URLs) or a terminal would obey."""
    text = CREDENTIALS.sub("//<hidden>@", TOKEN.sub("<token>", text))
    return "".join(each if each.isprintable() else "?" for each in text)


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m app.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--room", help="the room in which somebody waits for the agent")
    parser.add_argument("--token", help="the token with which somebody joined, or wants to")
    parser.add_argument("--backend", help=f"the URL of the token backend, if not {tokens.BACKEND}")
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument("--log", metavar="FILE", help="read a log instead (-: standard input)")
    elsewhere.add_argument("--project", metavar="FOLDER", help="read the code of a project instead")
    parser.add_argument(
        "--json", action="store_true", help="for programs (README.md has the shape)"
    )
    asked = parser.parse_args(arguments)
    for name, value in vars(asked).items():
        if value == "":
            parser.error(f"--{name} is empty")
    try:
        return asyncio.run(report(asked))
    except KeyboardInterrupt:
        reason = "It was interrupted."
    except (TwirpError, ClientError, TimeoutError):
        reason = "The LiveKit server stopped answering."
    except project.NothingToRead as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
    print(f"Could not look. {reason}", file=sys.stderr)
    if asked.json:
        say(json.dumps({"error": reason}))
    return 2


if __name__ == "__main__":
    logging.disable()  # what LiveKit's client says is no finding
    sys.exit(main())
