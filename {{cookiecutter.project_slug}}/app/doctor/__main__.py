"""Why does no agent join? Check this project live; a cause that hides others comes first.

uv run python -m app.doctor                     settings, server, worker, token backend, a new room
uv run python -m app.doctor --room ROOM         also the room in which somebody waits
uv run python -m app.doctor --token TOKEN       also the token of somebody who joined

Run it where the worker runs. It changes nothing, except for a room of its own, which it deletes.
Exit codes: 0 if all is well, 1 if something is wrong, 2 if it could not check.

livekit-doctor reads logs (--log worker.log) and code (a folder). It comes with the template:
uvx --from git+https://github.com/org/cookiecutter-livekit-agent livekit-doctor --help
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from dataclasses import asdict
from functools import partial

from app.doctor.finding import CouldNotCheck, Finding

CAUSES = "https://github.com/org/cookiecutter-livekit-agent/blob/main/docs/causes.md"
say = partial(print, flush=True)


async def report(arguments: argparse.Namespace) -> int:
    """Print the findings and return the exit code."""
    from app.doctor.checks import examine  # slow, and Ctrl-C should end it quietly

    findings: list[Finding] = []
    async for finding in examine(arguments):
        findings.append(finding)
        if not arguments.json:
            say(f"{finding.level:8} {finding.seen}")
            if finding.level == "ok" and finding.means:
                say(f"{'':8} {finding.means}")
    wrong = [f for level in ("problem", "warning") for f in findings if f.level == level]
    if arguments.json:
        result = {"healthy": not wrong, "diagnosis": wrong, "findings": findings}
        say(json.dumps(result, indent=2, default=asdict))
    elif not wrong:
        say("\nAll is well.")
    else:
        say("\nWhat to do, in this order:" if wrong[1:] else "\nWhat to do:")
        for number, f in enumerate(wrong, 1):
            to_do = f"{f.advice}: {f.command}" if f.command else f.advice
            say(f"\n{number}. {f.seen}\n   {f.means}\n   -> {to_do}\n   {CAUSES}#{f.cause}")
    return 1 if wrong else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    name, formatter = "python -m app.doctor", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(name, description=__doc__, formatter_class=formatter)
    parser.add_argument("--room", help="the room in which somebody waits for the agent")
    parser.add_argument("--token", help="the token of somebody who joined, or wants to")
    parser.add_argument("--backend", help="the token backend's URL (default: PORT on this machine)")
    parser.add_argument("--json", action="store_true", help="print JSON: docs/troubleshooting.md")
    parsed = parser.parse_args(arguments)
    for name, value in vars(parsed).items():
        if value == "":
            parser.error(f"--{name} is empty")
    return parsed


def main(arguments: list[str] | None = None) -> int:
    parsed = parse(arguments)
    try:
        return asyncio.run(report(parsed))
    except BrokenPipeError:  # the reader has closed the pipe, such as `| head -1`
        return 2
    except KeyboardInterrupt:
        reason = "Interrupted."
    except (CouldNotCheck, OSError) as error:
        reason = str(error)
    print(f"Could not check. {reason}", file=sys.stderr)
    if parsed.json:
        say(json.dumps({"error": reason}))
    return 2


if __name__ == "__main__":
    logging.disable()  # the log of LiveKit's client is not a finding
    # Not sys.exit: now and then, a thread of LiveKit's client runs on while Python ends, and aborts
    # the process (Python 3.13, livekit 1.1.21; seen on a busy machine).
    os._exit(main())
