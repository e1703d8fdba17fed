"""Why does no agent join? Reads code and logs; runs nothing, needs no server and no key.

livekit-doctor FOLDER        what keeps agents away in the code and files of a LiveKit project
livekit-doctor --log FILE    what the log of a worker or a LiveKit server says (-: standard input)

Exit codes: 0 if all is well, 1 if something is wrong, 2 if it could not look.
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
COLOURS = {"ok": 32, "warning": 33, "problem": 31}  # of a terminal


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


def report(found: Iterable[Finding], as_json: bool) -> int:
    """Print the findings; return the exit code."""
    findings: list[Finding] = []
    for each in found:
        finding = replace(
            each, seen=plain(each.seen), means=plain(each.means), advice=plain(each.advice)
        )
        findings.append(finding)
        if not as_json:
            print(f"{coloured(finding.level)} {finding.seen}")
            if finding.level == "ok" and finding.means:
                print(f"{'':8} {finding.means}")
    wrong = [each for level in ("problem", "warning") for each in findings if each.level == level]
    if as_json:
        result = {"healthy": not wrong, "diagnosis": wrong, "findings": findings}
        print(json.dumps(result, indent=2, default=asdict))
    elif not wrong:
        print("\nAll is well.")
    else:
        print("\nWhat to do, in this order:" if wrong[1:] else "\nWhat to do:")
        for number, each in enumerate(wrong, 1):
            print(f"\n{number}. {each.seen}\n   {each.means}\n   -> {each.advice}")
    return 1 if wrong else 0


def coloured(level: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return f"{level:8}"
    return f"\033[{COLOURS[level]}m{level:8}\033[0m"


def plain(text: str) -> str:
    """Return `text` without tokens, passwords in URLs, and what a terminal would obey."""
    text = CREDENTIALS.sub("//<hidden>@", TOKEN.sub("<token>", text))
    return "".join(each if each.isprintable() else "?" for each in text)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="livekit-doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", metavar="FOLDER", nargs="?", help="the project to read")
    what.add_argument("--log", metavar="FILE", help="the log to read (-: standard input)")
    parser.add_argument(
        "--agent-name",
        metavar="NAME",
        default="",
        help="with --log: the name that the worker should have, under explicit dispatch",
    )
    parser.add_argument(
        "--json", action="store_true", help="for programs (README.md describes the output)"
    )
    asked = parser.parse_args(arguments)
    if "" in (asked.folder, asked.log):
        parser.error("FOLDER is empty" if asked.folder == "" else "--log is empty")
    if asked.agent_name and not asked.log:
        parser.error("--agent-name goes with --log")
    return asked


def main(arguments: list[str] | None = None) -> int:
    asked = parse(arguments)
    try:
        if asked.log:
            return report(read_log(asked.log, asked.agent_name), asked.json)
        return report(project.examine(Path(asked.folder)), asked.json)
    except KeyboardInterrupt:
        reason = "It was interrupted."
    except project.NothingToRead as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
    print(f"Could not look. {reason}", file=sys.stderr)
    if asked.json:
        print(json.dumps({"error": reason}))
    return 2


if __name__ == "__main__":
    sys.exit(main())
