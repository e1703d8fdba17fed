"""Why does no agent join? Checks this project live; what hides other causes comes first.

uv run python -m app.doctor                     environment, server, worker, backend, live probe
uv run python -m app.doctor --room ROOM         also the room in which somebody waits
uv run python -m app.doctor --token TOKEN       also the token with which somebody joined

Run it where the worker runs. It changes nothing, except for a room of its own, which it removes.
Exit codes: 0 if all is well, 1 if something is wrong, 2 if it could not look.

livekit-doctor reads logs (--log worker.log) and code (a folder). It comes with the template:
uvx --from git+https://github.com/org/cookiecutter-livekit-agent livekit-doctor --help
"""

import argparse
import asyncio
import json
import logging
import os
import re
import sys
from dataclasses import asdict, replace

from aiohttp import ClientError
from livekit.api import TwirpError

from app.doctor import tokens
from app.doctor.checks import examine
from app.doctor.finding import Finding

TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w.-]*")
CREDENTIALS = re.compile(r"//[^/\s]+@")
COLOURS = {"ok": 32, "skipped": 90, "warning": 33, "problem": 31}  # of a terminal


async def report(asked: argparse.Namespace) -> int:
    """Print the findings; return the exit code."""
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
        result = {"healthy": not wrong, "diagnosis": wrong, "findings": findings}
        say(json.dumps(result, indent=2, default=asdict))
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
    """Return `text` without tokens, passwords in URLs, and what a terminal would obey."""
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
    parser.add_argument(
        "--json", action="store_true", help="for programs (README.md describes the output)"
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
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
    print(f"Could not look. {reason}", file=sys.stderr)
    if asked.json:
        say(json.dumps({"error": reason}))
    return 2


if __name__ == "__main__":
    logging.disable()  # what LiveKit's client logs is not a finding
    sys.exit(main())
