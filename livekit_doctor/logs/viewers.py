"""Undo what log viewers and collectors do when they export a log."""

import re
from collections.abc import Iterator
from itertools import chain, islice, pairwise

from livekit_doctor.logs.records import CLOCK, TIME

HEAD_LIMIT = 500  # lines that show the order of a log
# What is kept of a log with its newest line first, which has to be read backwards.
LINE_COUNT_LIMIT, CHARACTER_LIMIT = 200_000, 100_000_000

# A row of a table (CloudWatch, Datadog, Azure): the last field is the line, its quotes doubled.
ROW = re.compile(
    r'(?P<before>(?:"[^"]{0,200}",|[^",]{0,200},){0,12})"(?P<line>[^"]*""(?:[^"]|"")*)"(?:,.*)?'
)
WHEN = re.compile(rf'(?P<text>{CLOCK})|"(?:time|ts|timestamp)":\s?(?P<number>\d{{9,13}}(?:\.\d+)?)')


def from_row(line: str) -> str:
    """Return the line of a log that a row of a CSV file holds; any other line as it is."""
    row = ROW.fullmatch(line.rstrip("\r\n")) if '""' in line else None
    if not row:
        return line
    time = re.search(TIME, row["before"])
    return (f"{time[0]} " if time else "") + row["line"].replace('""', '"') + "\n"


def oldest_first(lines: Iterator[tuple[int, str]]) -> tuple[Iterator[tuple[int, str]], bool]:
    """Return numbered lines in the order in which they were written.

    Cloud consoles and `logcli` put the newest line first. Then the lines are numbered from the end.

    Returns:
        The lines, and whether their order was changed.
    """
    head = list(islice(lines, HEAD_LIMIT))
    times = [when(line) for _, line in head]
    # Times as text and as numbers cannot be compared.
    pairs = [(a, b) for a, b in pairwise(filter(None, times)) if ("-" in a) == ("-" in b)]
    falls, rises = sum(b < a for a, b in pairs), sum(b > a for a, b in pairs)
    if falls < 2 or falls <= 4 * rises:
        return chain(head, lines), False
    # Lines without a time, such as a traceback's, stay behind the one before them.
    title: list[str] = []
    entries: list[list[str]] = []
    size = 0
    for _, line in islice(chain(head, lines), LINE_COUNT_LIMIT):
        size += len(line)
        if size > CHARACTER_LIMIT:
            break
        if when(line):
            entries.append([line])
        else:
            (entries[-1] if entries else title).append(line)
    return enumerate(chain(title, *reversed(entries)), 1), True


def when(line: str) -> str:
    """Return the first time in a line, so that it can be compared with others; empty if none."""
    found = WHEN.search(line)
    if not found:
        return ""
    return found["number"] or found["text"].replace("T", " ").replace(",", ".")
