"""A finding: the result of one check. causes.toml has the texts of everything that can be wrong."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

TEXTS = Path(__file__).with_name("causes.toml").read_text("utf-8")
CAUSES: dict[str, dict[str, Any]] = tomllib.loads(TEXTS)
TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w.-]*")
CREDENTIALS = re.compile(r"//[^/\s]+@")
Level = Literal["ok", "skipped", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was seen, what that means, and what to do about it."""

    check: str  # environment, server, worker, phone, token, backend, room or probe
    level: Level  # a problem keeps the agent away, a warning may; `skipped` was not checked
    cause: str  # an id for programs; empty if nothing is wrong
    seen: str
    means: str = ""
    advice: str = ""  # in words
    command: str = ""  # something to paste, where one exists


class CouldNotCheck(Exception):
    """The checks cannot go on; the message says why."""


def found(check: str, cause: str, **values: object) -> Finding:
    """Return the finding of a cause in causes.toml, with `values` in its texts."""
    texts = CAUSES[cause]
    if "reason" in texts:
        values.setdefault("reason", texts["reason"].format(**values))
        texts = {"seen": "No {program} answers at {url}: {reason}.", **texts}
    parts = (texts.get(part, "") for part in ("seen", "means", "advice", "command"))
    filled = (plain(part.format(**values)) for part in parts)
    return Finding(check, texts.get("level", "problem"), cause, *filled)


def ok(check: str, seen: str, means: str = "") -> Finding:
    return Finding(check, "ok", "", plain(seen), plain(means))


def skipped(check: str, seen: str) -> Finding:
    return Finding(check, "skipped", "", plain(seen))


def plain(text: str) -> str:
    """Remove tokens, passwords in URLs, and control characters."""
    text = CREDENTIALS.sub("//<hidden>@", TOKEN.sub("<token>", text))
    return "".join(char if char.isprintable() else "?" for char in text)


def describe(names: list[str]) -> str:
    """Describe agents by their names. A name is empty under automatic dispatch."""
    return ", ".join(f"the agent {name!r}" if name else "an agent without a name" for name in names)
