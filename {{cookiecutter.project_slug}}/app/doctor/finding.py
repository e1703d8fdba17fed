"""A finding: the result of one check. causes.toml has the texts of everything that can be wrong."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CAUSES: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("causes.toml").read_text("utf-8")
)


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


def found(check: str, cause: str, **values: object) -> Finding:
    """Return the finding of a cause in causes.toml, with `values` in its texts."""
    texts = CAUSES[cause]
    if "reason" in texts:
        values.setdefault("reason", texts["reason"].format(**values))
    parts = ("seen", "means", "advice", "command")
    level = texts.get("level", "problem")
    return Finding(check, level, cause, *(texts.get(part, "").format(**values) for part in parts))


def ok(check: str, seen: str, means: str = "") -> Finding:
    return Finding(check, "ok", "", seen, means)


def skipped(check: str, seen: str) -> Finding:
    return Finding(check, "skipped", "", seen)


def describe(names: list[str]) -> str:
    """Describe agents by their names. A name is empty under automatic dispatch."""
    return ", ".join(f"the agent {name!r}" if name else "an agent without a name" for name in names)
