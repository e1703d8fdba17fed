"""What the log of a worker or of a LiveKit server says about agents that do not join.

Reads text, coloured or not, and JSON, also behind the prefixes of docker compose and honcho: a
known text is looked for anywhere in a line. livekit_doctor/verdicts.py says what the lines mean.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livekit_doctor.finding import Finding
from livekit_doctor.verdicts import NEVER_REGISTERED, UNKNOWN, VERDICTS, Verdict

LONGEST = 10_000  # characters of a line that are looked at; the worst that was seen had 3,420

TOKEN = re.compile(r"eyJ[\w-]+(\.[\w-]*)*")
KNOWN = re.compile(r'livekit\.agents\b|\tlivekit(\.\w+)*\t|"logger":\s*"livekit')
STARTED = re.compile(r"starting (?:worker|LiveKit server)\b")
REGISTERED = re.compile(r"registered worker\b|worker registered\b")

# Job requests: how a worker and how a server logs them. A log may hold both; the larger one counts.
COUNTED = {
    "received": (r"received job request", r"(?:assigned|failed to assign) job to worker"),
    "assigned": (r"received assignment\b(?! for)", r"assigned job to worker"),
    "rejected": (r"automatically rejecting the job", r'"worker not available"'),
    "timed out": (r"assignment for job \S+ timed out", r"failed to assign job.*deadline exceeded"),
}


@dataclass
class Seen:
    """The lines of one verdict."""

    first: int
    name: str
    count: int = 0
    last: int = 0


def read(lines: Iterable[str], ours: str = "") -> Iterator[Finding]:
    """Reads a log to its end, line by line, then says what was in it: the decisive first.

    No finding quotes a line of the log, which may hold tokens.

    Args:
        ours: the name that the worker should have, if it should have one.
    """
    patterns = [(verdict, re.compile(verdict.pattern)) for verdict in VERDICTS]
    counters = [
        (event, side, re.compile(pattern))
        for event, sides in COUNTED.items()
        for side, pattern in enumerate(sides)
    ]
    seen: dict[Verdict, Seen] = {}
    counts = {event: [0, 0] for event in COUNTED}
    known = started = False
    registered = 0  # the number of the line
    for number, line in enumerate(lines, 1):
        line = line[:LONGEST]
        known = known or bool(KNOWN.search(line))
        started = started or bool(STARTED.search(line))
        if REGISTERED.search(line):
            registered = number
        for event, side, counter in counters:
            counts[event][side] += bool(counter.search(line))
        for verdict, pattern in patterns:
            if not (match := pattern.search(line)):
                continue
            name = match[1] if match.groups() else ""
            if verdict.cause == "named-worker" and name == ours:
                continue
            lines_seen = seen.setdefault(verdict, Seen(number, name))
            lines_seen.count += 1
            lines_seen.last = number
            break
    if not known and not seen:
        yield UNKNOWN
        return
    overcome = {v for v in seen if v.until_registered and seen[v].last < registered}
    causes = {verdict.cause for verdict in seen if verdict not in overcome}
    told = [verdict for verdict in VERDICTS if verdict in seen and not causes & {*verdict.follows}]
    for verdict in told:
        yield finding(verdict, seen[verdict], registered if verdict in overcome else 0)
    if started and not registered and all(verdict.level != "problem" for verdict in told):
        yield NEVER_REGISTERED
    yield Finding(
        "log",
        "ok",
        "",
        f"Job requests: {', '.join(f'{max(n)} {event}' for event, n in counts.items())}.",
        "LiveKit offers a room once, as it opens. A worker says what is assigned to it only with "
        "--log-level DEBUG, livekit-agents 1.0 not even then.",
    )


def finding(verdict: Verdict, lines: Seen, registered: int) -> Finding:
    """What is said of a verdict; one that was overcome, as a worker `registered`, is a warning."""
    level, advice = verdict.level, verdict.advice
    name = repr(TOKEN.sub("(a token)", lines.name)[:100])
    where = f"{lines.count}x, first in line {lines.first}"
    if registered:
        level, where = "warning", f"{where}, but a worker registered in line {registered}"
        advice = "Nothing, if it was just starting; rooms that opened before may lack an agent."
    said = f"{verdict.seen.replace('{name}', name)} ({where})"
    return Finding("log", level, verdict.cause, said, verdict.means, advice)
