"""A finding: what was seen in a log or in a project's code."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was seen, what that means, and what to do about it.

    Attributes:
        check: where it was seen: `log` or `project`.
        level: `problem` keeps an agent away, `warning` may.
        cause: what is wrong, as a word for programs; empty if nothing is.
        advice: the command or the edit that helps.
    """

    check: str
    level: Literal["ok", "warning", "problem"]
    cause: str
    seen: str
    means: str = ""
    advice: str = ""
