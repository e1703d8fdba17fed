"""Why does no agent join? Read the code or the log of a LiveKit project, in any language.

livekit-doctor FOLDER         what keeps agents away in the code and files of a project
livekit-doctor --log FILE     what the log of a worker or of a LiveKit server says
livekit-doctor --list         all causes that it can find
"""

import argparse
import json
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from livekit_doctor import causes, logs, project, text
from livekit_doctor.finding import Finding

EPILOG = f"""\
examples:
  livekit-doctor .                                  the project in this folder
  livekit-doctor --log worker.log                   a log that you saved
  livekit-doctor --log worker.log.gz --json         for programs (docs/livekit-doctor.md)
  docker compose logs worker | livekit-doctor --log -
  kubectl logs --previous deploy/agent | livekit-doctor --log -
  lk agent logs | livekit-doctor --log -

It only reads: it runs nothing, connects to nothing, and needs no server and no key.
It knows the logs of livekit-agents (Python), @livekit/agents (Node) and livekit-server, as text
and as JSON, with what docker, kubectl and hosting platforms write around them.

exit codes:
  0  all is well
  1  something is wrong, or part of it could not be read
  2  it could not check

Each cause has a heading in {causes.URL}
"""
TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w.-]*")
CREDENTIALS = re.compile(r"//[^/\s@]+@")
SLOW_BYTES = 50_000_000  # which take about ten seconds
TERMINAL_COLOURS = {"ok": 32, "unread": 33, "warning": 33, "problem": 31}


class CannotCheck(Exception):
    """There is nothing that can be checked; the message says why."""


def read_log(name: str, agent_name: str) -> Iterator[Finding]:
    """Read the log `name`, or standard input if it is `-`.

    Raises:
        OSError, NotText: it cannot be read.
        CannotCheck: it is not a file.
    """
    if name == "-":
        yield from logs.read(text.lines(sys.stdin.buffer), agent_name)
        return
    if Path(name).is_dir():
        raise CannotCheck(f"{name} is a folder. To read a project: livekit-doctor {name}")
    size = Path(name).stat().st_size
    if size > SLOW_BYTES and sys.stderr.isatty():
        print(f"Reading {size // 1_000_000} MB, about 5 MB in a second ...", file=sys.stderr)
    with open(name, "rb") as file:
        yield from logs.read(text.lines(file), agent_name)


def read_project(name: str) -> list[Finding]:
    """Read the project in the folder `name`.

    Raises:
        CannotCheck: it is not a folder, or holds nothing of LiveKit.
    """
    if Path(name).is_file():
        raise CannotCheck(f"{name} is a file. To read a log: livekit-doctor --log {name}")
    try:
        return project.examine(Path(name))
    except project.NothingToRead as error:
        raise CannotCheck(str(error)) from None


def report(raw_findings: Iterable[Finding], as_json: bool) -> int:
    """Print the findings and return the exit code."""
    findings: list[Finding] = []
    for raw in raw_findings:
        finding = replace(
            raw,
            seen=plain(raw.seen),
            means=plain(raw.means),
            advice=plain(raw.advice),
            command=plain(raw.command),
        )
        findings.append(finding)
        if not as_json:
            say(f"{coloured(finding.level)} {finding.seen}")
            if finding.level == "ok" and finding.means:
                say(f"{'':8} {finding.means}")
    levels = ("problem", "warning", "unread")
    wrong = [finding for level in levels for finding in findings if finding.level == level]
    if as_json:
        result = {
            "healthy": not wrong,
            "diagnosis": list(map(as_dict, wrong)),
            "findings": list(map(as_dict, findings)),
        }
        say(json.dumps(result, indent=2))
    elif not wrong:
        say("\nAll is well.")
    else:
        say("\nWhat to do, in this order:" if wrong[1:] else "\nWhat to do:")
        for number, finding in enumerate(wrong, 1):
            say(f"\n{number}. {finding.seen}\n   {finding.means}\n   -> {finding.advice}")
            if finding.command:
                say(f"   $ {finding.command}")
            say(f"   {causes.link(finding.cause)}")
    return 1 if wrong else 0


def as_dict(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "docs": causes.link(finding.cause)}


def list_causes(as_json: bool) -> int:
    """Print all causes, by where they are found."""
    if as_json:
        tables = {
            where: [{**asdict(cause), "docs": causes.link(cause.id)} for cause in table]
            for where, table in causes.tables().items()
        }
        say(json.dumps(tables, indent=2))
        return 0
    for where, table in causes.tables().items():
        say(f"{where}:")
        for cause in table:
            say(f"  {cause.id:24} {cause.title.rstrip('.')}")
        say("")
    say(f"What they mean and what to do: {causes.URL}")
    return 0


def coloured(level: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return f"{level:8}"
    return f"\033[{TERMINAL_COLOURS[level]}m{level:8}\033[0m"


def plain(text: str) -> str:
    """Remove tokens, passwords in URLs, and control characters."""
    text = CREDENTIALS.sub("//<hidden>@", TOKEN.sub("<token>", text))
    return "".join(char if char.isprintable() else "?" for char in text)


def say(text: str) -> None:
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="livekit-doctor",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("folder", metavar="FOLDER", nargs="?", help="the project to read")
    source.add_argument(
        "--log",
        metavar="FILE",
        help="the log to read: UTF-8, UTF-16 or gzip, of any size (-: standard input)",
    )
    source.add_argument("--list", action="store_true", help="print all causes")
    parser.add_argument(
        "--agent-name",
        metavar="NAME",
        default="",
        help="with --log: the name that the worker should have, under explicit dispatch",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    installed = version("cookiecutter-livekit-agent")
    parser.add_argument("--version", action="version", version=f"%(prog)s {installed}")
    return parser


def parse(arguments: list[str] | None) -> argparse.Namespace:
    of_command = parser()
    parsed = of_command.parse_args(arguments)
    if "" in (parsed.folder, parsed.log):
        of_command.error("FOLDER is empty" if parsed.folder == "" else "--log is empty")
    if parsed.agent_name and not parsed.log:
        of_command.error("--agent-name needs --log")
    if not (parsed.folder or parsed.log or parsed.list):
        of_command.print_help(sys.stderr)
        of_command.exit(2, "\nGive a FOLDER, or --log FILE.\n")
    return parsed


def run(arguments: argparse.Namespace) -> int:
    try:
        if arguments.list:
            return list_causes(arguments.json)
        if arguments.log:
            return report(read_log(arguments.log, arguments.agent_name), arguments.json)
        return report(read_project(arguments.folder), arguments.json)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        reason = "Interrupted."
    except CannotCheck as error:
        reason = str(error)
    except text.NotText as error:
        name = "Standard input" if arguments.log == "-" else arguments.log
        reason = f"{name} {error}."
    except OSError as error:
        reason = f"{error.strerror}: {error.filename or arguments.log or arguments.folder}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = (
            f"This is a mistake in livekit-doctor: {type(error).__name__} at "
            f"{Path(place.filename).name}:{place.lineno}. Please report it."
        )
    reason = plain(reason)
    print(f"Could not check. {reason}", file=sys.stderr)
    if arguments.json:
        say(json.dumps({"error": reason}))
    return 2


def main(arguments: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")  # a terminal that has not all characters
    try:
        return run(parse(arguments))
    except BrokenPipeError:  # the reader has closed the pipe, such as `| head -1`
        # Otherwise Python's own flush at exit would print the error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        return 2


if __name__ == "__main__":
    sys.exit(main())
