"""What the log of a worker or of a LiveKit server says about agents that do not join.

Logs may be text, coloured or not, or JSON, and may have the prefixes of docker compose and honcho:
a known text can be anywhere in a line. livekit_doctor/verdicts.py says what the lines mean.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livekit_doctor.finding import Finding
from livekit_doctor.verdicts import NEVER_REGISTERED, UNKNOWN, VERDICTS, Verdict

LINE_LIMIT = 10_000  # characters; the rest of a line is ignored. The longest one seen had 3,420.

TOKEN = re.compile(r"eyJ[\w-]+(\.[\w-]*)*")
KNOWN = re.compile(r'livekit\.agents\b|\tlivekit(\.\w+)*\t|"logger":\s*"livekit')
STARTED = re.compile(r"starting (?:worker|LiveKit server)\b")
REGISTERED = re.compile(r"registered worker\b|worker registered\b")

# Job requests, as a worker and as a server logs them. If a log holds both, use the larger count.
JOB_EVENTS = {
    "received": (r"received job request", r"(?:assigned|failed to assign) job to worker"),
    "assigned": (r"received assignment\b(?! for)", r"assigned job to worker"),
    "rejected": (r"automatically rejecting the job", r'"worker not available"'),
    "timed out": (r"assignment for job \S+ timed out", r"failed to assign job.*deadline exceeded"),
}


@dataclass
class Matches:
    """The lines that match one verdict."""

    first: int
    name: str
    count: int = 0
    last: int = 0


def read(lines: Iterable[str], own_name: str = "") -> Iterator[Finding]:
    """Read a log to its end, then yield the findings, the most decisive first.

    No finding quotes a line of the log, because it may hold tokens.

    Args:
        own_name: the name that the worker should have, if any.
    """
    patterns = [(verdict, re.compile(verdict.pattern)) for verdict in VERDICTS]
    counters = [
        (event, side, re.compile(pattern))
        for event, sides in JOB_EVENTS.items()
        for side, pattern in enumerate(sides)
    ]
    matches: dict[Verdict, Matches] = {}
    counts = {event: [0, 0] for event in JOB_EVENTS}
    is_known = has_start = False
    registered_line = 0
    for number, line in enumerate(lines, 1):
        line = line[:LINE_LIMIT]
        is_known = is_known or bool(KNOWN.search(line))
        has_start = has_start or bool(STARTED.search(line))
        if REGISTERED.search(line):
            registered_line = number
        for event, side, counter in counters:
            counts[event][side] += bool(counter.search(line))
        for verdict, pattern in patterns:
            if not (match := pattern.search(line)):
                continue
            name = match[1] if match.groups() else ""
            if verdict.cause == "named-worker" and name == own_name:
                continue
            of_verdict = matches.setdefault(verdict, Matches(number, name))
            of_verdict.count += 1
            of_verdict.last = number
            break
    if not is_known and not matches:
        yield UNKNOWN
        return
    overcome = {v for v in matches if v.until_registered and matches[v].last < registered_line}
    causes = {verdict.cause for verdict in matches if verdict not in overcome}
    # In the order of the table, without what only follows from another cause.
    reported = [v for v in VERDICTS if v in matches and not causes & {*v.follows}]
    for verdict in reported:
        yield finding(verdict, matches[verdict], registered_line if verdict in overcome else 0)
    if has_start and not registered_line and all(v.level != "problem" for v in reported):
        yield NEVER_REGISTERED
    yield Finding(
        "log",
        "ok",
        "",
        f"Job requests: {', '.join(f'{max(n)} {event}' for event, n in counts.items())}.",
        "LiveKit offers a room once, when it opens. A worker logs assigned jobs only with "
        "--log-level DEBUG; livekit-agents 1.0 does not log them at all.",
    )


def finding(verdict: Verdict, matches: Matches, registered_line: int) -> Finding:
    """Return the finding for a verdict. It is only a warning if a worker registered later.

    Args:
        registered_line: where that worker registered, or 0.
    """
    level, advice = verdict.level, verdict.advice
    name = TOKEN.sub("(a token)", matches.name)[:100]
    agent = f"the agent {name!r}" if name else "an agent without a name"
    where = f"{matches.count}x, first in line {matches.first}"
    if registered_line:
        level, where = "warning", f"{where}, but a worker registered in line {registered_line}"
        advice = "Nothing, if it was just starting. Rooms that opened before may lack an agent."
    seen = f"{verdict.seen.replace('{agent}', agent)} ({where})"
    return Finding("log", level, verdict.cause, seen, verdict.means, advice)
