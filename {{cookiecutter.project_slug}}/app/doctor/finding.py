"""What the doctor says: one finding for each thing that it looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was seen, what that means, and what to do about it.

    Attributes:
        check: where it was seen: environment, server, worker, token, backend, room or probe.
        level: `problem` keeps an agent away, `warning` may; `skipped` could not be looked at.
        cause: what is wrong, as a word for programs; empty if nothing is.
        advice: the command or the edit that helps.
    """

    check: str
    level: Literal["ok", "skipped", "warning", "problem"]
    cause: str
    seen: str
    means: str = ""
    advice: str = ""
