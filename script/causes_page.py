"""Print docs/causes.md, from the tables of livekit-doctor and of a project's own doctor.

script/uv run python script/causes_page.py > docs/causes.md
"""

import ast
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from livekit_doctor import causes  # noqa: E402
from livekit_doctor.finding import Cause  # noqa: E402

APP = ROOT / "{{cookiecutter.project_slug}}" / "app"
HEAD = """\
# Why no agent joins: the causes

What `livekit-doctor` and `python -m app.doctor` of a baked project can find, and what to do about
it. Each heading is the `cause` of a finding. What LiveKit and others write themselves stands below
it, so that a search for the line that you see leads here.

`script/causes_page.py` makes this page from the code.
"""
LIVE = "In a running project"
# What pydantic itself says about a setting; the rest is in app/settings.py.
TYPES = (
    *("int_parsing", "float_parsing", "bool_parsing", "literal_error", "greater_than"),
    *("greater_than_equal", "less_than_equal", "pattern_regex"),
)


@dataclass(frozen=True)
class Live:
    """A cause that a project's own doctor can find; `…` stands for a value."""

    id: str
    seen: str
    means: str
    advice: str
    command: str


def live_causes() -> Iterator[Live]:
    """Yield the causes in app/doctor/causes.toml, and what can be wrong with a setting."""
    texts = tomllib.loads((APP / "doctor" / "causes.toml").read_text("utf-8"))
    of_a_setting = texts.pop("settings")
    for cause, parts in texts.items():
        yield live(cause, parts)
    for kind, message in setting_errors():
        seen = f"A setting {message}."
        advice = "Correct it in .env, or in the shell; .env.example describes it."
        yield live(f"settings-{kind}", {**of_a_setting, "seen": seen, "advice": advice})


def live(cause: str, parts: dict[str, str]) -> Live:
    parts = {"seen": "No {program} answers at {url}: {reason}.", **parts}
    seen, means, advice, command = (
        re.sub(r"\{(\w*)[^}]*\}", lambda match: meaning(match[1], parts), parts.get(part, ""))
        for part in ("seen", "means", "advice", "command")
    )
    return Live(cause, seen, means.strip(" …"), advice, command)


def meaning(placeholder: str, parts: dict[str, str]) -> str:
    """Return what stands for a placeholder in the texts of a cause."""
    if placeholder == "reason" and "reason" in parts:
        return re.sub(r"\{.*?\}", "…", parts["reason"])
    return {"which": "token", "program": "LiveKit server or token backend"}.get(placeholder, "…")


def setting_errors() -> Iterator[tuple[str, str]]:
    """Yield the type and the message of each error of app/settings.py, and of pydantic's."""
    for node in ast.walk(ast.parse((APP / "settings.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "PydanticCustomError":
            kind, message = node.args[:2]
            parts = message.values if isinstance(message, ast.JoinedStr) else [message]
            words = (part.value if isinstance(part, ast.Constant) else "…" for part in parts)
            yield str(ast.literal_eval(kind)), "".join(map(str, words))
    for error in TYPES:
        yield error, f"has a wrong value ({error.replace('_', ' ')})"


def page() -> str:
    """Return the text of docs/causes.md."""
    parts: dict[str, list[str]] = {}
    index: dict[str, list[str]] = {}
    for where, table in causes.tables().items():
        for cause in table:
            parts.setdefault(cause.id, []).append(part(cause, where))
            index.setdefault(where, []).append(cause.id)
    for entry in live_causes():
        parts.setdefault(entry.id, []).append(live_part(entry))
        index.setdefault(LIVE, []).append(entry.id)
    lists = [
        filled(f"**{where}:** {', '.join(f'[{c}](#{c})' for c in ids)}") + "\n"
        for where, ids in index.items()
    ]
    sections = [f"## {cause}\n\n" + "\n\n".join(texts) + "\n" for cause, texts in parts.items()]
    return "\n".join((HEAD, *lists, *sections))


def filled(paragraph: str) -> str:
    """Break a paragraph into lines that can be read in a diff."""
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False)


def part(cause: Cause, where: str) -> str:
    """Return what the page says about a cause, as one of the tables has it."""
    lines = [filled(f"**{where}: {cause.title.rstrip('.')}.**")]
    if cause.wording:
        lines += ["", "```", *cause.wording, "```"]
    lines += ["", filled(cause.means), "", filled(f"*What to do:* {cause.advice}")]
    if cause.command:
        lines += ["", "```sh", cause.command, "```"]
    return "\n".join((*lines, "", filled(f"*Measured:* {cause.measured.rstrip('.')}.")))


def live_part(entry: Live) -> str:
    texts = (f"**{LIVE}:** {entry.seen}", entry.means, f"*What to do:* {entry.advice}")
    lines = [filled(text) for text in texts]
    if entry.command:
        lines.append(f"```sh\n{entry.command}\n```")
    return "\n\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
