"""A finding in a log, or in the code of a project, and the cause behind it."""

from dataclasses import dataclass
from typing import Literal

# `unread`: nothing is known to be wrong, but something could not be read.
Level = Literal["ok", "unread", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found, what that means, and what to do about it.

    Attributes:
        check: `log` or `project`.
        level: `problem` keeps agents away, `warning` may.
        cause: the id of a `Cause`; empty if nothing is wrong.
        advice: the edit that helps, in words.
        command: something to paste, where one exists.
    """

    check: str
    level: Level
    cause: str
    seen: str
    means: str = ""
    advice: str = ""
    command: str = ""


@dataclass(frozen=True)
class Cause:
    """Why no agent joins: an entry of docs/causes.md, which is made from these.

    Attributes:
        id: its heading on the page, and what programs compare.
        title: what is wrong, in one sentence.
        measured: the releases that it was measured with, or how else we know.
        wording: what LiveKit (or Python, Node, Docker) itself writes: what people search for.
        command: something to paste, where one exists.
    """

    id: str
    title: str
    means: str
    advice: str
    measured: str
    wording: tuple[str, ...] = ()
    command: str = ""

    def finding(self, check: str, level: Level, seen: str) -> Finding:
        return Finding(check, level, self.id, seen, self.means, self.advice, self.command)
