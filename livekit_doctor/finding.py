"""A finding in a log, or in the code of a project."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was seen, what that means, and what to do about it.

    Attributes:
        check: `log` or `project`.
        level: `problem` keeps agents away, `warning` may.
        cause: an id for programs; empty if nothing is wrong.
        advice: the command or the edit that helps.
    """

    check: str
    level: Literal["ok", "warning", "problem"]
    cause: str
    seen: str
    means: str = ""
    advice: str = ""
