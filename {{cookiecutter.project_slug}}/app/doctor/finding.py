"""A finding: the result of one check."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was seen, what that means, and what to do about it.

    Attributes:
        check: environment, server, worker, token, backend, room or probe.
        level: `problem` keeps the agent away, `warning` may; `skipped` was not checked.
        cause: an id for programs; empty if nothing is wrong.
        advice: the edit that helps, in words.
        command: something to paste, where one exists.
    """

    check: str
    level: Literal["ok", "skipped", "warning", "problem"]
    cause: str
    seen: str
    means: str = ""
    advice: str = ""
    command: str = ""


class CouldNotCheck(Exception):
    """The checks cannot go on; the message says why."""


def describe(names: list[str]) -> str:
    """Describe agents by their names. A name is empty under automatic dispatch."""
    return ", ".join(f"the agent {name!r}" if name else "an agent without a name" for name in names)
