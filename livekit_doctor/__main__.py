"""Why does no agent join? Read code and logs. This runs nothing and needs no server and no key.

livekit-doctor FOLDER        what keeps agents away in the code and files of a LiveKit project
livekit-doctor --log FILE    what the log of a worker or a LiveKit server says (-: standard input)

Exit codes: 0 if all is well, 1 if something is wrong, 2 if it could not check.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from livekit_doctor import logs, project
from livekit_doctor.finding import Finding

TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w.-]*")
CREDENTIALS = re.compile(r"//[^/\s]+@")
TERMINAL_COLOURS = {"ok": 32, "warning": 33, "problem": 31}


def read_log(name: str, agent_name: str) -> Iterator[Finding]:
    """Read the log `name`, or standard input if it is `-`.

    Raises:
        OSError: the file cannot be read.
    """
    if name == "-":
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        yield from logs.read(sys.stdin, agent_name)
    else:
        with open(name, encoding="utf-8", errors="replace") as file:
            yield from logs.read(file, agent_name)


def report(raw_findings: Iterable[Finding], as_json: bool) -> int:
    """Print the findings and return the exit code."""
    findings: list[Finding] = []
    for raw in raw_findings:
        finding = replace(
            raw, seen=plain(raw.seen), means=plain(raw.means), advice=plain(raw.advice)
        )
        findings.append(finding)
        if not as_json:
            say(f"{coloured(finding.level)} {finding.seen}")
            if finding.level == "ok" and finding.means:
                say(f"{'':8} {finding.means}")
    wrong = [f for level in ("problem", "warning") for f in findings if f.level == level]
    if as_json:
        result = {"healthy": not wrong, "diagnosis": wrong, "findings": findings}
        say(json.dumps(result, indent=2, default=asdict))
    elif not wrong:
        say("\nAll is well.")
    else:
        say("\nWhat to do, in this order:" if wrong[1:] else "\nWhat to do:")
        for number, finding in enumerate(wrong, 1):
            say(f"\n{number}. {finding.seen}\n   {finding.means}\n   -> {finding.advice}")
    return 1 if wrong else 0


def coloured(level: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return f"{level:8}"
    return f"\033[{TERMINAL_COLOURS[level]}m{level:8}\033[0m"


def plain(text: str) -> str:
    """Remove tokens, passwords in URLs, and control characters."""
    text = CREDENTIALS.sub("//<hidden>@", TOKEN.sub("<token>", text))
    return "".join(char if char.isprintable() else "?" for char in text)


def say(text: str) -> None:
    print(text, flush=True)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="livekit-doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", metavar="FOLDER", nargs="?", help="the project to read")
    source.add_argument("--log", metavar="FILE", help="the log to read (-: standard input)")
    parser.add_argument(
        "--agent-name",
        metavar="NAME",
        default="",
        help="with --log: the name that the worker should have, under explicit dispatch",
    )
    parser.add_argument("--json", action="store_true", help="print JSON (README.md describes it)")
    parsed = parser.parse_args(arguments)
    if "" in (parsed.folder, parsed.log):
        parser.error("FOLDER is empty" if parsed.folder == "" else "--log is empty")
    if parsed.agent_name and not parsed.log:
        parser.error("--agent-name needs --log")
    return parsed


def run(arguments: argparse.Namespace) -> int:
    try:
        if arguments.log:
            return report(read_log(arguments.log, arguments.agent_name), arguments.json)
        return report(project.examine(Path(arguments.folder)), arguments.json)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        reason = "Interrupted."
    except project.NothingToRead as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
    print(f"Could not check. {reason}", file=sys.stderr)
    if arguments.json:
        say(json.dumps({"error": reason}))
    return 2


def main(arguments: list[str] | None = None) -> int:
    try:
        return run(parse(arguments))
    except BrokenPipeError:  # the reader has closed the pipe, such as `| head -1`
        # Otherwise Python's own flush at exit would print the error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


if __name__ == "__main__":
    sys.exit(main())
